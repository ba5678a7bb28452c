//! Random callers, some of them killed, on storage services whose hosts and links fail at random:
//! every caller gets an answer and the file systems are correct.

use std::cell::Cell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::Actor;
use isotherm_services::{
    Eviction, ExecutionController, FailureCause, StorageConfig, StorageService,
};
use proptest::prelude::*;

const MB: u64 = 1_000_000;

#[derive(Clone, Debug)]
enum Step {
    Sleep(u64),
    Read(usize, u8),
    Write(usize, u8, u64),
    Copy(usize, usize, u8, u8),
    Delete(usize, u8),
    Stop(usize),
}

#[derive(Clone, Debug)]
enum Trouble {
    Host(&'static str),
    Link(&'static str),
    Kill(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (service, file, mb) = (|| 0..3usize, || 0..5u8, 0..60u64);
    prop_oneof![
        2 => (1..20u64).prop_map(Step::Sleep),
        3 => (service(), file()).prop_map(|(s, f)| Step::Read(s, f)),
        4 => (service(), file(), mb).prop_map(|(s, f, b)| Step::Write(s, f, b * MB)),
        3 => (service(), service(), file(), file()).prop_map(|(s, d, f, t)| Step::Copy(s, d, f, t)),
        2 => (service(), file()).prop_map(|(s, f)| Step::Delete(s, f)),
        1 => service().prop_map(Step::Stop),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        prop_oneof![Just("head"), Just("node")].prop_map(Trouble::Host),
        prop_oneof![Just("wan"), Just("lan")].prop_map(Trouble::Link),
        (0..4usize).prop_map(Trouble::Kill),
    ]
}

async fn perform(
    me: &ExecutionController,
    services: &[StorageService],
    step: Step,
) -> Result<(), FailureCause> {
    let name = |file: u8| format!("file{file}");
    let from = &me.address();
    match step {
        Step::Sleep(tenths) => me.sleep(secs(tenths as f64 / 10.0)).await,
        Step::Read(service, file) => {
            services[service].read(from, name(file), None).await?;
        }
        Step::Write(service, file, bytes) => {
            services[service].write(from, name(file), bytes).await?
        }
        Step::Copy(source, destination, file, target) => {
            let destination = &services[destination];
            services[source].copy_as(from, name(file), destination, name(target)).await?;
        }
        Step::Delete(service, file) => services[service].delete(from, name(file)).await?,
        Step::Stop(service) => {
            services[service].stop(from).await?;
            services[service].restart();
        }
    }
    Ok(())
}

fn services(
    world: &World,
    buffers: [Option<u64>; 3],
    control_bytes: u64,
    connections: Option<u32>,
) -> Vec<StorageService> {
    let hosts = [("a", world.head), ("b", world.node), ("c", world.node)];
    let start = |((name, host), buffer): ((&str, _), _)| {
        let config = StorageConfig {
            capacity: Some(100 * MB),
            eviction: Eviction::Lru,
            buffer,
            control_bytes,
            max_connections: connections,
            ..world.storage_config(name, host)
        };
        StorageService::start(&world.site, config)
    };
    hosts.into_iter().zip(buffers).map(start).collect()
}

/// Makes a part fail, and repairs it half a second later.
fn cause(
    world: &World,
    date: f64,
    trouble: Trouble,
    services: &[StorageService],
    callers: &Rc<Vec<Actor<()>>>,
) {
    match trouble {
        Trouble::Host(name) => {
            let host = world.platform().host(name).unwrap();
            world.at(date, move |platform| platform.turn_off(host));
            let services = services.to_vec();
            world.at(date + 0.5, move |platform| {
                platform.turn_on(host);
                services.iter().for_each(StorageService::restart);
            });
        }
        Trouble::Link(name) => {
            let link = world.platform().link(name).unwrap();
            world.at(date, move |platform| platform.link_off(link));
            world.at(date + 0.5, move |platform| platform.link_on(link));
        }
        Trouble::Kill(caller) => {
            let callers = Rc::clone(callers);
            world.at(date, move |_| callers[caller % callers.len()].kill());
        }
    }
}

fn buffer() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), Just(Some(10 * MB))]
}

proptest! {
    #![proptest_config(isotherm_testing::cases(1_500))]

    #[test]
    fn every_caller_gets_an_answer_and_the_files_add_up(
        scripts in prop::collection::vec(prop::collection::vec(step(), 1..12), 1..5),
        troubles in prop::collection::vec((0..80u64, trouble()), 0..6),
        buffers in [buffer(), buffer(), buffer()],
        control_bytes in prop_oneof![Just(0), Just(100_000u64)],
        connections in prop_oneof![Just(None), Just(Some(1u32)), Just(Some(2))],
    ) {
        let world = World::new();
        let services = services(&world, buffers, control_bytes, connections);
        let finished = Rc::new(Cell::new(0));
        let callers = scripts.iter().cloned().map(|script| {
            let (services, finished) = (services.clone(), Rc::clone(&finished));
            ExecutionController::spawn(&world.site, world.user, "caller", async move |me| {
                for step in script {
                    let _ = perform(&me, &services, step).await;
                    for service in &services {
                        service.file_system().borrow().check();
                    }
                }
                finished.set(finished.get() + 1);
            })
        });
        let callers = Rc::new(callers.collect::<Vec<_>>());
        let kills = troubles.iter().filter(|(_, trouble)| matches!(trouble, Trouble::Kill(_))).count();
        for (tenths, trouble) in troubles {
            cause(&world, tenths as f64 / 10.0, trouble, &services, &callers);
        }
        // A caller without an answer would be a deadlock.
        world.simulation.run().unwrap();
        prop_assert!(finished.get() + kills >= scripts.len());
        for service in &services {
            prop_assert_eq!(service.transfers(), 0);
            let files = service.file_system();
            let files = files.borrow();
            files.check();
            prop_assert_eq!(files.reserved(), 0);
            prop_assert_eq!(files.pinned(), 0, "files pinned or half written");
        }
    }
}
