//! Admission, downloads, and the head disk.

use isotherm_services::FailureCause;

use super::*;

#[test]
fn one_download_serves_all_invocations() {
    let mut stage = Setup::new(Preset::Default, &[(4, 1000, 1000)]).stage();
    let image = stage.image("i", 10, 10);
    let (f, g) = (stage.function(Some(image), 1, 1), stage.function(Some(image), 2, 2));
    let all = [stage.invoke(f), stage.invoke(g), stage.invoke(f)];
    assert_eq!(stage.orders(), ["download 0"]);
    assert_eq!(View::new(&stage.state).waiting_for(image), 3);
    stage.downloaded(image);
    assert_eq!(View::new(&stage.state).waiting_for(image), 0);
    let admitted: Vec<_> = stage
        .events()
        .into_iter()
        .filter_map(|event| match event {
            EventKind::Admitted { invocation } => Some(invocation),
            _ => None,
        })
        .collect();
    assert_eq!(admitted, all, "in the order of submission");
    // A later invocation finds the image there.
    let later = stage.invoke(f);
    assert!(stage.events().contains(&EventKind::Admitted { invocation: later }));
    assert!(!stage.orders().iter().any(|order| order.starts_with("download")));
}

#[test]
fn a_function_without_image_needs_no_download() {
    let mut stage = Setup::new(Preset::Default, &[(1, 10, 10)]).stage();
    let f = stage.function(None, 10, 10);
    let first = stage.invoke(f);
    assert_eq!(stage.orders(), ["start 0 on 0 in 0"]);
    assert!(stage.is_running(first));
}

#[test]
fn a_failed_download_fails_its_invocations_and_the_next_one_begins_anew() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 10], [1, 1]);
    let (first, second) = (stage.invoke(f), stage.invoke(f));
    let cause = FailureCause::NetworkFailed { detail: "cut".into() };
    stage.message(|state| state.download_ended(image, Err(cause)));
    let effects = stage.effects();
    assert_eq!(outcome_of(&effects, first), Some(Outcome::Failed));
    assert_eq!(outcome_of(&effects, second), Some(Outcome::Failed));
    assert_eq!(stage.state.head.disk.borrow().used(), 0, "its room is free again");
    stage.invoke(f);
    assert_eq!(stage.orders(), ["download 0"]);
}

/// Three images of 40 on a head disk of 100: the third needs one of the others to go.
fn three_images(stage: &mut Stage) -> ([ImageId; 3], [FunctionId; 3]) {
    let images = ["a", "b", "c"].map(|name| stage.image(name, 40, 10));
    (images, images.map(|image| stage.function(Some(image), 0, 0)))
}

#[test]
fn the_least_recently_used_image_leaves_the_head_disk() {
    let mut stage = Setup { head: 100, ..Setup::new(Preset::Default, &[(4, 1000, 1000)]) }.stage();
    let (images, functions) = three_images(&mut stage);
    for (&image, &function) in images.iter().zip(&functions).take(2) {
        let id = stage.invoke(function);
        stage.arrives(0, image);
        assert!(stage.is_running(id), "its image is no longer pinned on the head disk");
    }
    stage.events();
    stage.invoke(functions[2]);
    // The first was downloaded and copied first.
    assert!(stage.events().contains(&EventKind::HeadEvicted { image: images[0], bytes: 40 }));
    assert_eq!(stage.orders().last().expect("a download"), "download 2");
}

#[test]
fn an_access_saves_an_image_on_the_head_disk() {
    let mut stage =
        Setup { head: 100, ..Setup::new(Preset::Default, &[(1, 1000, 1000), (1, 1000, 1000)]) }
            .stage();
    let (images, functions) = three_images(&mut stage);
    let first = stage.invoke(functions[0]);
    stage.arrives(0, images[0]);
    let second = stage.invoke(functions[1]);
    stage.arrives(1, images[1]);
    stage.body_ended(second);
    // The first image is copied to the other node as well: read to its end after the second one
    // was.
    stage.invoke(functions[0]);
    stage.copied(1, images[0]);
    stage.loaded(1, images[0]);
    stage.events();
    assert!(stage.is_running(first));
    stage.invoke(functions[2]);
    assert!(stage.events().contains(&EventKind::HeadEvicted { image: images[1], bytes: 40 }));
}

#[test]
fn what_is_awaited_stays_and_others_wait_for_room() {
    let mut stage = Setup { head: 100, ..Setup::new(Preset::Default, &[(1, 1000, 1000)]) }.stage();
    let (images, functions) = three_images(&mut stage);
    // The only slot is taken by the first; the second is downloaded and pending.
    let first = stage.invoke(functions[0]);
    stage.arrives(0, images[0]);
    let second = stage.invoke(functions[1]);
    stage.downloaded(images[1]);
    stage.orders();
    // The first image may go. So this download begins, and then both images are in use.
    let third = stage.invoke(functions[2]);
    assert_eq!(stage.orders(), ["download 2"]);
    stage.downloaded(images[2]);
    let fourth = stage.invoke(functions[0]);
    let fifth = stage.invoke(functions[0]);
    assert_eq!(stage.orders(), [""; 0], "both images on the head disk are awaited: no room");
    assert_eq!(stage.state.live_tables()[4], ("images waiting for room on the head disk", 1));
    // The slot becomes free. The first function has an idle container, but its invocations are not
    // admitted: the second is next, and needs its image on the node.
    stage.body_ended(first);
    assert_eq!(stage.orders(), ["ended 0 completed", "copy 1 to 0"]);
    stage.copied(0, images[1]);
    stage.orders();
    // When it is dispatched its image is no longer awaited, and the download begins in the same
    // moment.
    stage.loaded(0, images[1]);
    assert!(stage.is_running(second));
    assert_eq!(stage.orders(), ["start 1 on 0 in 1", "download 0"]);
    stage.downloaded(images[0]);
    // Third, fourth and fifth are served one after the other.
    stage.body_ended(second);
    stage.copied(0, images[2]);
    stage.loaded(0, images[2]);
    assert!(stage.is_running(third));
    stage.body_ended(third);
    assert!(stage.is_running(fourth), "on the idle container");
    stage.body_ended(fourth);
    assert!(stage.is_running(fifth));
}

#[test]
fn a_cancelled_wait_for_room_leaves_the_line() {
    let mut stage = Setup { head: 100, ..Setup::new(Preset::Default, &[(1, 1000, 1000)]) }.stage();
    let (_, functions) = three_images(&mut stage);
    stage.invoke(functions[0]);
    stage.invoke(functions[1]);
    let waiting = stage.invoke(functions[2]);
    stage.orders();
    assert!(stage.message(|state| state.cancel_id(waiting, FailureCause::Cancelled)));
    assert_eq!(stage.orders(), ["ended 2 cancelled"]);
    assert_eq!(stage.state.live_tables()[4].1, 0);
}

#[test]
fn images_that_are_there_at_once_do_not_push_each_other_out_before_they_are_used() {
    // Downloads take no time; two images of 60 on a head disk of 100. Without a pin each would push
    // the other out before the message that it is there, for ever and at one date.
    let setup = Setup::new(Preset::Default, &[(2, 1000, 1000)]);
    let mut stage = Setup { head: 100, simulate_downloads: false, ..setup }.stage();
    let images = ["a", "b"].map(|name| stage.image(name, 60, 10));
    let functions = images.map(|image| stage.function(Some(image), 0, 0));
    stage.invoke(functions[0]);
    let second = stage.invoke(functions[1]);
    assert_eq!(stage.orders(), ["download at once 0"]);
    stage.downloaded(images[0]);
    stage.copied(0, images[0]);
    stage.orders();
    stage.loaded(0, images[0]);
    assert_eq!(stage.orders(), ["start 0 on 0 in 0", "download at once 1"]);
    stage.arrives(0, images[1]);
    assert!(stage.is_running(second));
}

#[test]
fn without_simulated_downloads_later_requests_find_the_image_before_its_message() {
    let mut stage =
        Setup { simulate_downloads: false, ..Setup::new(Preset::Wrench, &[(2, 1000, 1000)]) }
            .stage();
    let (_, f) = stage.image_and_function("i", [10, 10], [0, 0]);
    stage.invoke(f);
    assert_eq!(
        stage.orders(),
        ["download at once 0"],
        "who began the download waits for the message"
    );
    stage.invoke(f);
    assert_eq!(stage.orders(), ["copy 0 to 0"], "the image is there: the second is schedulable");
}

#[test]
fn functions_that_can_never_run_are_refused_with_the_reason() {
    let mut stage =
        Setup { head: 50, ..Setup::new(Preset::Default, &[(1, 100, 20), (1, 20, 100)]) }.stage();
    let (big, small) = (stage.image("big", 51, 1), stage.image("small", 10, 10));
    let mut refusal = |image, memory, disk| {
        let limits = Limits::time(Duration::from_secs(1)).memory(memory).disk(disk);
        stage
            .state
            .register(Registration::new("f".into(), Some(image), limits))
            .expect_err("refused")
            .to_string()
    };
    assert!(refusal(big, 0, 0).contains("head disk"));
    assert!(refusal(small, 0, 91).contains("disk"));
    assert!(refusal(small, 91, 0).contains("memory"));
    // Memory on the one node, disk on the other: together on none.
    assert!(refusal(small, 50, 50).contains("memory"));
}
