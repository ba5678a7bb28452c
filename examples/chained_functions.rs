//! A function that invokes two others and answers with the result that comes first.
//!
//!     cargo run --release --example chained_functions
//!
//! `lookup` asks a `cache` and a `database` at once. The cache is much faster, but slow to start, and its container is stopped
//! after a minute without use: whoever comes first, or after a long pause, is answered by the database.

use isotherm::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulation = Simulation::new();
    let site = Site::new(Platform::new(&simulation.kernel(), hosts())?);
    let host = |name| site.platform().host(name).expect("hosts() describes it");

    let nodes = ["node0", "node1"].map(|name| NodeConfig { host: host(name), slots: Slots::Cores });
    let mut config = ServiceConfig::new(Preset::Default, host("head"), nodes.into());
    config.keep_alive = Box::new(Fixed::new(minutes(1)));
    config.startup_overhead = millis(50);
    let platform = ServerlessComputeService::start(&site, config)?;

    println!("   date (s)  answered by  response (s)");
    ExecutionController::spawn(&site, host("user"), "controller", async move |me| {
        let functions = FunctionManager::start(me.site(), me.host());
        let lookup = register(&functions, &platform).await?;
        for pause in [0, 1, 5, 30, 300, 1] {
            me.sleep(secs(pause)).await;
            let asked = me.now();
            let invocation = functions.invoke(&lookup).await?;
            functions.wait_one(&invocation).await;
            let answer = invocation.output().unwrap_or_else(|| "nobody".into());
            let response = invocation.record().response();
            println!("{:11.3}  {answer:11}  {:12.3}", asked.as_secs_f64(), response.as_secs_f64());
        }
        Ok::<(), FailureCause>(())
    });
    simulation.run()?;
    Ok(())
}

/// Registers the three functions and gives the one that users invoke.
async fn register(
    functions: &FunctionManager,
    platform: &ServerlessComputeService,
) -> Result<RegisteredFunction, FailureCause> {
    let limits = Limits::time(secs(10)).memory(256 * MB);
    // An interpreter with a large cache takes longer to start than the database takes to answer.
    let cache = Function::new("cache", None, Body::sleep(millis(5))).with_startup(secs(2));
    let cache = functions.register(&cache, platform, limits).await?;
    let database = Function::new("database", None, Body::sleep(millis(400)));
    let database = functions.register(&database, platform, limits).await?;

    let body = Body::custom(move |call: Call| {
        let (cache, database) = (cache.clone(), database.clone());
        async move {
            let functions = call.functions();
            let both = [functions.invoke(&cache).await?, functions.invoke(&database).await?];
            let first = functions.wait_any(&both).await;
            // The other one goes on: a cache that has started is there for the next lookup.
            call.set_output(if first.as_ref() == Some(&both[0]) { "cache" } else { "database" });
            Ok(())
        }
    });
    functions.register(&Function::new("lookup", None, body), platform, limits).await
}

fn hosts() -> PlatformSpec {
    let mut hosts = PlatformBuilder::new();
    hosts.host("user", gflop(1));
    hosts.link("network", gbit_per_s(10), 1e-3);
    for name in ["head", "node0", "node1"] {
        hosts.host(name, gflop(5)).cores(8).memory(16 * GIB);
        hosts.disk(name, "disk", gb_per_s(2), gb_per_s(1)).size(TB);
        hosts.route("user", name, ["network"]);
    }
    hosts.route("head", "node0", ["network"]);
    hosts.route("head", "node1", ["network"]);
    hosts.build().expect("the description is consistent")
}
