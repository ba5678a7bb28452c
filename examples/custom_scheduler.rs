//! A custom scheduler, compared with built-in ones.
//!
//!     cargo run --release --example custom_scheduler
//!
//! Thirty functions share eight nodes whose memory is too small for a container of each function on
//! each node. `Home` gives every function a home node, as Apache OpenWhisk does: its invocations go
//! there as long as there is room, else to the next node. So the containers of a function stay
//! together, and the memory of all nodes is used.

use isotherm::prelude::*;

/// The home of a function is the node with its number. If that has no room, the next node is tried,
/// and so on.
struct Home;

impl Scheduler for Home {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        // `Placement` reserves what the round has given out, and knows whether the next step of an
        // invocation is a dispatch, a load or a copy. Only the node is left to decide.
        let mut placement = Placement::new(view, plan);
        let nodes = view.nodes();
        for pending in view.pending() {
            let function = pending.function;
            let mut ring =
                (0..nodes).map(|step| NodeId(((function.index() + step) % nodes) as u32));
            if let Some(node) = ring.find(|&node| placement.has_place(function, node)) {
                placement.place(pending, node);
            }
        }
    }
}

fn main() -> Result<(), isotherm::Error> {
    println!("scheduler            cold starts  mean response (s)");
    let random = RandomPlacement::new(RandomStreams::new(1).stream("scheduler"));
    simulate("home", Home)?;
    simulate("fcfs", ByNode::new(Fcfs, true))?;
    simulate("random", random)?;
    simulate("workload-balancing", WorkloadBalancing)?;
    Ok(())
}

/// Half an hour of the same invocations under one scheduler.
fn simulate(name: &str, scheduler: impl Scheduler + 'static) -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(8).cores(8).memory(4 * GIB).build()?)?;
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes())
        .with_scheduler(scheduler)
        .with_keep_alive(Fixed::new(minutes(10)))
        .with_startup(millis(500));
    let platform = ServerlessComputeService::start(world.site(), config)?;
    let records = platform.collect_records();

    // One image for all; a few functions are invoked often, most of them rarely.
    let repository = world.storage("repository", world.host("repository")?)?;
    let python = Image::put("python", 250 * MB, 120 * MB, &repository)?;
    let which = Distribution::zipf(30, 1.0)?;
    let gap = Distribution::exponential(5.0)?;
    let mut random = RandomStreams::new(42).stream("workload");
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        let mut registered = Vec::new();
        for number in 0..30 {
            let body = Body::steps([Step::Compute(gflop(8))]);
            let function = functions.function(&format!("function{number}"), &python, body);
            let limits = Limits::time(secs(30)).memory(512 * MB);
            registered.push(functions.register(&function, &platform, limits).await?);
        }
        let mut invocations = Vec::new();
        while me.now() < Time::ZERO + minutes(30) {
            me.sleep(secs(gap.sample(&mut random))).await;
            let rank = which.sample(&mut random) as usize;
            invocations.push(functions.invoke(&registered[rank - 1]).await?);
        }
        // The simulation ends with its controllers, so this one waits for its invocations.
        functions.wait_all(&invocations).await;
        Ok(())
    });
    world.run()?;

    let records = records.borrow();
    let cold = records.iter().filter(|record| record.start_kind == Some(StartKind::Cold)).count();
    let response: Duration = records.iter().map(InvocationRecord::response).sum();
    let (cold, count) = (cold as f64, records.len() as f64);
    println!("{name:20} {:9.1} %  {:17.3}", 100.0 * cold / count, response.as_secs_f64() / count);
    Ok(())
}
