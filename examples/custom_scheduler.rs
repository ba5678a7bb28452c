//! A scheduler of one's own, compared with those that come with Isotherm.
//!
//!     cargo run --release --example custom_scheduler
//!
//! Thirty functions share eight nodes whose memory is too small to keep a container of each
//! everywhere. `Home` gives every function a node of its own, as Apache OpenWhisk does: it goes
//! there as long as there is room, else to the next one. So the containers of a function stay
//! together, and the memory of all nodes is used.

use isotherm::prelude::*;

/// Every function has a home: the node with its number. Where that has no place, the next one is
/// tried, and so on.
struct Home;

impl Scheduler for Home {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        // It keeps the books of the round, so that nothing is given out twice, and knows whether
        // the next step of an invocation is a dispatch, a load or a copy. All that is left to
        // decide is the node.
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
    simulate("fcfs", Fcfs::new(true))?;
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
        // The simulation is over when its controllers have ended, so this one waits for what it has
        // begun.
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
