//! Replays the corpora of the host's fuzz targets.
#![forbid(unsafe_code)]

macro_rules! replay {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                fuzz_harness::replay(&host_targets::$name::TARGET);
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let names = [$(stringify!($name)),*];
            assert_eq!(host_targets::TARGETS.map(|target| target.name), names);
        }
    };
}

replay!(
    disk_images,
    result_files,
    vhost_user_messages,
    vhost_user_rings
);
