//! Replays the corpora of the guest's fuzz targets.
#![forbid(unsafe_code)]

macro_rules! replay {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                fuzz_harness::replay(&guest_targets::$name::TARGET);
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let names = [$(stringify!($name)),*];
            assert_eq!(guest_targets::TARGETS.map(|target| target.name), names);
        }
    };
}

replay!(
    boot_arguments,
    device_tree,
    hand_over,
    memory_maps,
    reflector,
    stamp,
    wire_formats
);
