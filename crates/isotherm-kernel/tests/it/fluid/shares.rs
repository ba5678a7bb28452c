//! What each activity gets in a settled state.

use isotherm_kernel::{ActivitySpec, Kernel, Rank, Sharing};

use super::{ENDLESS, assert_close, flow, play, rates, settle};

/// The rates of activities that start together.
fn solve(system: impl FnOnce(&Kernel) -> Vec<ActivitySpec> + 'static) -> Vec<f64> {
    play(|kernel| async move {
        let specs = system(&kernel);
        let ids: Vec<_> = specs.into_iter().map(|spec| kernel.start(spec).detach()).collect();
        settle(&kernel).await;
        rates(&kernel, &ids)
    })
}

fn endless() -> ActivitySpec {
    ActivitySpec::new(Rank::Network, ENDLESS)
}

#[test]
fn equal_activities_share_equally() {
    // 4 x = 100.
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]), flow(&[link]), flow(&[link]), flow(&[link])]
    });
    assert_eq!(shares, [25.0; 4]);
}

#[test]
fn twice_the_penalty_gets_half_the_share() {
    // x1 + x2 = 3 and x1 = 2 x2.
    let shares = solve(|kernel| {
        let link = kernel.resource(3.0, Sharing::Shared);
        vec![flow(&[link]), flow(&[link]).penalty(2.0)]
    });
    assert_eq!(shares, [2.0, 1.0]);
}

#[test]
fn weights_consume_more_for_the_same_share() {
    // x1 + 2 x2 = 3 and x1 = x2.
    let shares = solve(|kernel| {
        let link = kernel.resource(3.0, Sharing::Shared);
        vec![endless().uses(link, 1.0), endless().uses(link, 2.0)]
    });
    assert_eq!(shares, [1.0, 1.0]);
}

#[test]
fn weights_and_penalties_together() {
    // x1 + 2 x2 = 20 and x1 = 2 x2.
    let shares = solve(|kernel| {
        let link = kernel.resource(20.0, Sharing::Shared);
        vec![endless().uses(link, 1.0), endless().uses(link, 2.0).penalty(2.0)]
    });
    assert_eq!(shares, [10.0, 5.0]);
}

#[test]
fn the_tighter_resource_is_solved_first() {
    // x1 + 2 x2 = 20 with x1 = 2 x2 (level 10), then 2 x1 + x3 = 60 (its own level would be 20).
    let shares = solve(|kernel| {
        let first = kernel.resource(20.0, Sharing::Shared);
        let second = kernel.resource(60.0, Sharing::Shared);
        vec![
            endless().uses(first, 1.0).uses(second, 2.0),
            endless().uses(first, 2.0).penalty(2.0),
            endless().uses(second, 1.0),
        ]
    });
    assert_eq!(shares, [10.0, 5.0, 40.0]);
}

#[test]
fn long_and_short_flows_on_a_line_of_links() {
    // Links of 10, 4 and 9; one flow over all three, a short one on each. The link of 4 saturates
    // first: 2 and 2. The long flow leaves 8 and 7 on the others.
    let shares = solve(|kernel| {
        let links = [10.0, 4.0, 9.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        vec![flow(&links), flow(&links[..1]), flow(&links[1..2]), flow(&links[2..])]
    });
    assert_eq!(shares, [2.0, 8.0, 2.0, 7.0]);
}

#[test]
fn three_links_saturate_one_after_the_other() {
    // Links a = 6, b = 8, c = 10; flows ab, bc, ac. Level 3 on a fixes ab and ac; b has 5 left and
    // c has 7 for bc.
    let shares = solve(|kernel| {
        let [a, b, c] = [6.0, 8.0, 10.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        vec![flow(&[a, b]), flow(&[b, c]), flow(&[a, c])]
    });
    assert_eq!(shares, [3.0, 5.0, 3.0]);
}

#[test]
fn resources_that_saturate_at_the_same_level_fix_all_their_users_at_it() {
    // Both links reach level 5 at once; the flow over both does not count twice.
    let shares = solve(|kernel| {
        let [a, b] = [10.0, 10.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        vec![flow(&[a, b]), flow(&[a]), flow(&[b])]
    });
    assert_eq!(shares, [5.0, 5.0, 5.0]);
}

#[test]
fn bound_and_penalties_on_one_resource() {
    // Worked example 1 of §1.2: usage 2.5, level 40; the bound 10 is below it. Then 90 over usage
    // 1.5: level 60.
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]), flow(&[link]).penalty(2.0), flow(&[link]).bound(10.0)]
    });
    assert_eq!(shares, [60.0, 30.0, 10.0]);
}

#[test]
fn bounds_are_reached_in_successive_turns() {
    // Level 33⅓ reaches the bound 10; then (100 − 10)/2 = 45 reaches the bound 40, which the first
    // level did not.
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]).bound(40.0), flow(&[link]).bound(10.0), flow(&[link])]
    });
    assert_eq!(shares, [40.0, 10.0, 50.0]);
}

#[test]
fn bounds_below_one_level_are_taken_in_order_of_the_level_at_which_they_are_reached() {
    // Usage 1 + 1/2 + 1 = 2.5, level 40. Bounds are reached at 20 × 1 = 20 and 15 × 2 = 30. 100 −
    // 20 − 15 is left.
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]).bound(20.0), flow(&[link]).penalty(2.0).bound(15.0), flow(&[link])]
    });
    assert_eq!(shares, [20.0, 15.0, 65.0]);
}

#[test]
fn a_bound_that_is_the_level_changes_nothing() {
    // 2 x = 100.
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]).bound(50.0), flow(&[link])]
    });
    assert_eq!(shares, [50.0, 50.0]);
}

#[test]
fn bounds_alone_leave_capacity_unused() {
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]).bound(10.0), flow(&[link]).bound(20.0)]
    });
    assert_eq!(shares, [10.0, 20.0]);
}

#[test]
fn a_bound_of_zero_or_less_is_none() {
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]).bound(0.0), flow(&[link]).bound(-1.0)]
    });
    assert_eq!(shares, [50.0, 50.0]);
}

#[test]
fn a_bounded_activity_on_another_resource_waits_for_its_turn() {
    // Level 5 on the first link leaves 95 on the second, 47.5 each: that does not reach a bound of 60.
    // A bound of 30 it does, which leaves 65.
    let shares = solve(|kernel| {
        let first = kernel.resource(10.0, Sharing::Shared);
        let second = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[first]), flow(&[first, second]), flow(&[second]).bound(60.0), flow(&[second])]
    });
    assert_eq!(shares, [5.0, 5.0, 47.5, 47.5]);
    let shares = solve(|kernel| {
        let first = kernel.resource(10.0, Sharing::Shared);
        let second = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[first]), flow(&[first, second]), flow(&[second]).bound(30.0), flow(&[second])]
    });
    assert_eq!(shares, [5.0, 5.0, 30.0, 65.0]);
}

#[test]
fn using_a_shared_resource_again_adds_to_the_weight() {
    // Both ways over one shared link, 5 % against the flow: (1 + 0.05) x = 105. A stream within one
    // disk: 1.94 x = 97.
    let shares = solve(|kernel| {
        let link = kernel.resource(105.0, Sharing::Shared);
        let disk = kernel.resource(97.0, Sharing::Shared);
        vec![
            endless().uses(link, 1.0).uses(link, 0.05),
            endless().uses(disk, 0.97).uses(disk, 0.97),
        ]
    });
    assert_close(&shares, &[100.0, 50.0]);
}

#[test]
fn using_a_fat_pipe_again_takes_the_larger_weight() {
    // max(1, 0.05) x = 105, whichever comes first.
    let shares = solve(|kernel| {
        let pipe = kernel.resource(105.0, Sharing::Fatpipe);
        vec![endless().uses(pipe, 1.0).uses(pipe, 0.05), endless().uses(pipe, 0.05).uses(pipe, 1.0)]
    });
    assert_eq!(shares, [105.0, 105.0]);
}

#[test]
fn users_of_a_fat_pipe_do_not_add_up() {
    // max x = 10, however many there are; a bound below that holds.
    let shares = solve(|kernel| {
        let pipe = kernel.resource(10.0, Sharing::Fatpipe);
        vec![flow(&[pipe]), flow(&[pipe]), flow(&[pipe]).bound(4.0)]
    });
    assert_eq!(shares, [10.0, 10.0, 4.0]);
}

#[test]
fn a_saturated_fat_pipe_fixes_all_its_users_at_one_level() {
    // §1.2: max(w / p) L = 10. With w = 1 and 2: L = 5 for both; with p = 1 and 2: L = 10, x = L /
    // p.
    let by_weight = solve(|kernel| {
        let pipe = kernel.resource(10.0, Sharing::Fatpipe);
        vec![flow(&[pipe]), endless().uses(pipe, 2.0)]
    });
    assert_eq!(by_weight, [5.0, 5.0]);
    let by_penalty = solve(|kernel| {
        let pipe = kernel.resource(10.0, Sharing::Fatpipe);
        vec![flow(&[pipe]), flow(&[pipe]).penalty(2.0)]
    });
    assert_eq!(by_penalty, [10.0, 5.0]);
}

#[test]
fn a_fat_pipe_before_a_shared_link_acts_as_a_bound() {
    // 3 x = 100 would give 33⅓; the pipe holds the first at 20, which leaves 80 for two.
    let shares = solve(|kernel| {
        let pipe = kernel.resource(20.0, Sharing::Fatpipe);
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[pipe, link]), flow(&[link]), flow(&[link])]
    });
    assert_eq!(shares, [20.0, 40.0, 40.0]);
}

#[test]
fn users_of_different_fat_pipes_still_share_what_is_shared() {
    // Two pipes of 70 and 10 into a link of 100: 10 is fixed first, then 70 is not reached by (100
    // − 10)/2 = 45.
    let shares = solve(|kernel| {
        let wide = kernel.resource(70.0, Sharing::Fatpipe);
        let narrow = kernel.resource(10.0, Sharing::Fatpipe);
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[wide, link]), flow(&[narrow, link]), flow(&[link])]
    });
    assert_eq!(shares, [45.0, 10.0, 45.0]);
}

#[test]
fn the_rate_is_the_share_times_the_factor() {
    // 2 × 1.05 x = 20e6, and payload moves at 0.97 x: the two downloads of §2.3.
    let shares = solve(|kernel| {
        let link = kernel.resource(20e6, Sharing::Shared);
        let download = endless().uses(link, 1.0).uses(link, 0.05).rate_factor(0.97);
        vec![download.clone(), download]
    });
    assert_close(&shares, &[0.97 * 20e6 / 2.1; 2]);
    assert!((shares[0] - 9_238_095.238).abs() < 1e-3);
}

#[test]
fn the_bound_holds_for_the_share_before_the_factor() {
    let shares = solve(|kernel| {
        let link = kernel.resource(100.0, Sharing::Shared);
        vec![flow(&[link]).bound(50.0).rate_factor(0.97)]
    });
    assert_eq!(shares, [48.5]);
}

#[test]
fn a_disk_that_reads_and_writes_at_once() {
    // §4.1: reads ≤ 100, writes ≤ 40, both together ≤ 100: 60 and 40. With 100 for each: 50 and 50.
    let disk = |read: f64, write: f64| {
        solve(move |kernel| {
            let [reads, writes, both] = [read, write, f64::max(read, write)]
                .map(|capacity| kernel.resource(capacity, Sharing::Shared));
            vec![flow(&[reads, both]), flow(&[writes, both])]
        })
    };
    assert_eq!(disk(100.0, 40.0), [60.0, 40.0]);
    assert_eq!(disk(100.0, 100.0), [50.0, 50.0]);
}

#[test]
fn streams_with_very_different_penalties_share_a_disk() {
    // The table of §4.4: download over a link (penalty 20 µs + 20537/20e6), copy over another (1 ns +
    // 20537/12.5e9), load within the node (penalty 1). Byte rates are 0.97 of the shares and so are
    // the weights on the disks of 1e8.
    let penalties = [20e-6 + 20537.0 / 20e6, 1e-9 + 20537.0 / 12.5e9, 1.0];
    let streams = move |present: [bool; 3]| {
        solve(move |kernel| {
            let head = kernel.resource(1e8, Sharing::Shared);
            let node = kernel.resource(1e8, Sharing::Shared);
            let [wide, local] =
                [20e6, 12.5e9].map(|bandwidth| kernel.resource(bandwidth, Sharing::Shared));
            let loopback = kernel.resource(1e10, Sharing::Fatpipe);
            let stream = |number: usize| endless().penalty(penalties[number]).rate_factor(0.97);
            let download = stream(0).bound(20e6).uses(wide, 1.05).uses(head, 0.97);
            let copy = stream(1).bound(12.5e9).uses(local, 1.05).uses(head, 0.97).uses(node, 0.97);
            let load = stream(2).bound(1e10).uses(loopback, 1.0).uses(node, 0.97);
            let all = [download, copy, load];
            all.into_iter()
                .zip(present)
                .filter(|(_, present)| *present)
                .map(|(stream, _)| stream)
                .collect()
        })
    };
    let [d, c, l] = penalties;
    // On one disk, rates are inversely proportional to penalties and add up to 1e8.
    assert_close(&streams([true, false, false]), &[0.97 * 20e6 / 1.05]);
    assert_close(&streams([true, true, false]), &[1e8 * c / (c + d), 1e8 * d / (c + d)]);
    assert_close(&streams([false, true, true]), &[1e8 * l / (c + l), 1e8 * c / (c + l)]);
    // All three: the head's disk gives the download 156792.510, and the copy leaves as much to the
    // load on the node.
    let shares = streams([true, true, true]);
    for (share, expected) in shares.iter().zip([156_792.510, 99_843_207.490, 156_792.510]) {
        assert!((share - expected).abs() < 1e-3, "{shares:?}");
    }
}

#[test]
fn executions_on_a_host_of_four_cores() {
    // §3: capacity 4e8; a single thread is bounded by 1e8, n threads have penalty 1/n and bound n ×
    // 1e8.
    let threads = |host, n: f64| {
        ActivitySpec::new(Rank::Cpu, ENDLESS).uses(host, 1.0).penalty(1.0 / n).bound(n * 1e8)
    };
    let shares = solve(move |kernel| {
        let host = kernel.resource(4e8, Sharing::Shared);
        vec![threads(host, 1.0), threads(host, 4.0)]
    });
    assert_close(&shares, &[0.8e8, 3.2e8]);
    let shares = solve(move |kernel| {
        let host = kernel.resource(4e8, Sharing::Shared);
        vec![threads(host, 1.0), threads(host, 2.0)]
    });
    assert_eq!(shares, [1e8, 2e8]);
}

#[test]
fn components_do_not_disturb_each_other() {
    let shares = solve(|kernel| {
        let [a, b] = [100.0, 10.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        vec![flow(&[a]), flow(&[b]), flow(&[b])]
    });
    assert_eq!(shares, [100.0, 5.0, 5.0]);
}

#[test]
fn without_a_resource_the_bound_is_the_rate() {
    let shares = solve(|_| vec![flow(&[]).bound(7.0), flow(&[]).bound(5.0)]);
    assert_eq!(shares, [7.0, 5.0]);
}

#[test]
fn a_capacity_without_limit_only_leaves_the_bounds() {
    // The memory of a node is a disk of f64::MAX bytes per second: the loopback of 1e10 is what
    // limits.
    let shares = solve(|kernel| {
        let memory = kernel.resource(f64::MAX, Sharing::Shared);
        let loopback = kernel.resource(1e10, Sharing::Fatpipe);
        let load = || endless().uses(memory, 0.97).uses(loopback, 1.0);
        vec![load(), load()]
    });
    assert_eq!(shares, [1e10, 1e10]);
}

#[test]
fn a_resource_of_capacity_zero_stalls_only_its_users() {
    let shares = solve(|kernel| {
        let broken = kernel.resource(0.0, Sharing::Shared);
        let link = kernel.resource(10.0, Sharing::Shared);
        vec![flow(&[broken]), flow(&[broken, link]), flow(&[link, broken]), flow(&[link])]
    });
    assert_eq!(shares, [0.0, 0.0, 0.0, 10.0]);
}

#[test]
fn a_fat_pipe_of_capacity_zero_stalls_only_its_users() {
    let shares = solve(|kernel| {
        let broken = kernel.resource(0.0, Sharing::Fatpipe);
        let link = kernel.resource(10.0, Sharing::Shared);
        vec![flow(&[broken]), flow(&[broken, link]), flow(&[link])]
    });
    assert_eq!(shares, [0.0, 0.0, 10.0]);
}

#[test]
fn an_activity_may_use_many_resources() {
    // One flow over 300 links of 10, and a second one on the last of them: 5 each.
    let shares = solve(|kernel| {
        let links: Vec<_> = (0..300).map(|_| kernel.resource(10.0, Sharing::Shared)).collect();
        let last = links[299];
        vec![flow(&links).penalty(1.0), endless().uses(last, 1.0)]
    });
    assert_eq!(shares, [5.0, 5.0]);
    // With weight 3 on the last link only, 3 x + x = 10 there: the weight must be that of that
    // link.
    let shares = solve(|kernel| {
        let links: Vec<_> = (0..300).map(|_| kernel.resource(10.0, Sharing::Shared)).collect();
        let last = links[299];
        vec![flow(&links[..299]).uses(last, 3.0), endless().uses(last, 1.0)]
    });
    assert_eq!(shares, [2.5, 2.5]);
}

#[test]
fn a_use_with_weight_zero_is_none() {
    let shares = solve(|kernel| {
        let link = kernel.resource(10.0, Sharing::Shared);
        vec![endless().uses(link, 0.0).bound(5.0), flow(&[link])]
    });
    assert_eq!(shares, [5.0, 10.0]);
}
