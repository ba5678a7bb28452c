//! Clients in a closed loop: each invokes a function, waits for it, thinks for a while and invokes
//! it again.
//!
//!     cargo run --release --example custom_controller
//!
//! A controller reacts to results, which a list of arrivals cannot. With few clients the platform
//! is idle most of the time. With more clients the throughput grows until every slot is busy; from
//! then on only the response time grows.

use isotherm::prelude::*;

const SLOTS: u32 = 4;

fn main() -> Result<(), isotherm::Error> {
    println!("clients  invocations/s  mean response (s)");
    for clients in [1, 2, 4, 8, 16, 32] {
        let (rate, response_s) = simulate(clients)?;
        println!("{clients:7}  {rate:13.2}  {response_s:17.2}");
    }
    Ok(())
}

/// An hour with that many clients: invocations per second and mean response time in seconds.
fn simulate(clients: u32) -> Result<(f64, f64), isotherm::Error> {
    let world = World::new(Cluster::new(1).cores(SLOTS).speed(gflop(5)).build()?)?;
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes())
        .with_keep_alive(Fixed::new(minutes(10)))
        .with_startup(millis(500));
    let platform = ServerlessComputeService::start(world.site(), config)?;
    let records = platform.collect_records();

    let streams = RandomStreams::new(42);
    let think = Distribution::exponential_with_mean(5.0)?;
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        // No image: there is nothing to download. The body computes for one second.
        let echo = Function::new("echo", None, Body::steps([Step::Compute(gflop(5))]));
        let echo = functions.register(&echo, &platform, Limits::time(secs(30)).memory(GB)).await?;
        let client = async |number: u32| {
            // A stream of its own, so that one client more does not change what the others do.
            let mut random = streams.stream(&format!("client/{number}"));
            while me.now() < Time::ZERO + hours(1) {
                me.sleep(secs(think.sample(&mut random))).await;
                let invocation = functions.invoke(&echo).await?;
                functions.wait_one(&invocation).await;
            }
            Ok(())
        };
        join_all((0..clients).map(client)).await.into_iter().collect()
    });
    let end = world.run()?;

    let records = records.borrow();
    let responses: Duration = records.iter().map(InvocationRecord::response).sum();
    let count = records.len() as f64;
    Ok((count / end.as_secs_f64(), responses.as_secs_f64() / count))
}
