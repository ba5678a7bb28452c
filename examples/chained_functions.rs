//! A function that invokes two others and answers with the first result.
//!
//!     cargo run --release --example chained_functions
//!
//! `lookup` invokes a `cache` and a `database` at once. The cache is much faster, but slow to
//! start, and its container is stopped after a minute without use. So the database answers the
//! first lookup and those after a long pause.

use isotherm::prelude::*;

fn main() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(2).cores(8).network(gbit_per_s(10), millis(1)).build()?)?;
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes())
        .with_keep_alive(Fixed::new(minutes(1)))
        .with_startup(millis(50));
    let platform = ServerlessComputeService::start(world.site(), config)?;

    println!("   date (s)  answered by  response (s)");
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        let lookup = register(&functions, &platform).await?;
        for pause in [0, 1, 5, 30, 300, 1] {
            me.sleep(secs(pause)).await;
            let asked = me.now();
            let invocation = functions.invoke(&lookup).await?;
            functions.wait_one(&invocation).await;
            let answer = invocation.output::<&str>()?;
            let response = invocation.record().response();
            println!("{:11.3}  {answer:11}  {:12.3}", asked.as_secs_f64(), response.as_secs_f64());
        }
        Ok(())
    });
    world.run()?;
    Ok(())
}

/// Registers the three functions and returns the one that users invoke.
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

    let body = Body::custom(async move |call| {
        let functions = call.functions();
        let both = [functions.invoke(&cache).await?, functions.invoke(&database).await?];
        let first = functions.wait_any(&both).await;
        // The other one continues: a cache that has started serves the next lookup.
        call.set_output(if first.as_ref() == Some(&both[0]) { "cache" } else { "database" });
        Ok(())
    });
    functions.register(&Function::new("lookup", None, body), platform, limits).await
}
