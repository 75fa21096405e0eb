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
fn a_suppressed_notification_is_sent_later() {
    loom::model(model::a_suppressed_notification_is_sent_later);
}
