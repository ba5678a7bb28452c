//! Clients in a closed loop: each invokes a function, waits for it, thinks for a while and invokes it again.
//!
//!     cargo run --release --example closed_loop
//!
//! With few clients the platform is idle most of the time. With more of them throughput grows until every slot is busy; from
//! there on only the response time grows.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm::prelude::*;

const SLOTS: u32 = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("clients  invocations/s  mean response (s)");
    for clients in [1, 2, 4, 8, 16, 32] {
        let (rate, response_s) = simulate(clients)?;
        println!("{clients:7}  {rate:13.2}  {response_s:17.2}");
    }
    Ok(())
}

/// An hour with that many clients: invocations per second and mean response time in seconds.
fn simulate(clients: u32) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let hour = hours(1);
    let simulation = Simulation::new();
    let site = Site::new(Platform::new(&simulation.kernel(), hosts())?);
    let host = |name| site.platform().host(name).expect("hosts() describes it");
    let nodes = vec![NodeConfig { host: host("node"), slots: Slots::Count(SLOTS) }];
    let mut config = ServiceConfig::new(Preset::Default, host("head"), nodes);
    config.keep_alive = Box::new(Fixed::new(minutes(10)));
    config.startup_overhead = millis(500);
    let platform = ServerlessComputeService::start(&site, config)?;
    let records = Rc::new(RefCell::new(Vec::<InvocationRecord>::new()));
    platform.records_to(records.clone());

    let think = Distribution::exponential_with_mean(5.0)?;
    let functions = FunctionManager::start(&site, host("user"));
    ExecutionController::spawn(&site, host("user"), "controller", async move |me| {
        // No image: there is nothing to download. The body computes for one second.
        let echo = Function::new("echo", None, Body::steps([Step::Compute(gflop(5))]));
        let echo = functions.register(&echo, &platform, Limits::time(secs(30)).memory(GB)).await?;
        let streams = RandomStreams::new(42);
        for number in 0..clients {
            let (functions, echo, think) = (functions.clone(), echo.clone(), think.clone());
            let mut random = streams.stream(&format!("client/{number}"));
            ExecutionController::spawn(me.site(), me.host(), &format!("client {number}"), async move |me| {
                while me.now() < Time::ZERO + hour {
                    me.sleep(secs(think.sample(&mut random))).await;
                    let invocation = functions.invoke(&echo).await?;
                    functions.wait_one(&invocation).await;
                }
                Ok::<(), FailureCause>(())
            });
        }
        Ok::<(), FailureCause>(())
    });
    let end = simulation.run()?;

    let records = records.borrow();
    let responses: f64 = records.iter().map(|record| record.response().as_secs_f64()).sum();
    let count = records.len() as f64;
    Ok((count / end.as_secs_f64(), responses / count))
}

fn hosts() -> PlatformSpec {
    let mut hosts = PlatformBuilder::new();
    hosts.host("user", gflop(1));
    hosts.host("head", gflop(1));
    hosts.disk("head", "images", gb_per_s(2), gb_per_s(1)).size(TB);
    hosts.host("node", gflop(5)).cores(SLOTS).memory(64 * GIB);
    hosts.disk("node", "local", gb_per_s(2), gb_per_s(1)).size(TB);
    hosts.link("network", gbit_per_s(10), 1e-3);
    hosts.route("user", "head", ["network"]);
    hosts.route("head", "node", ["network"]);
    hosts.route("user", "node", ["network"]);
    hosts.build().expect("the description is consistent")
}
