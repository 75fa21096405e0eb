//! The models, under every order of steps.

use ring_model::ring::model;

#[test]
fn buffers_are_handed_over_whole() {
    loom::model(model::buffers_are_handed_over_whole);
}

#[test]
fn no_notification_is_lost() {
    loom::model(model::no_notification_is_lost);
}

#[test]
fn a_notification_left_out_is_made_up_for() {
    loom::model(model::a_notification_left_out_is_made_up_for);
}
