//! Where images are found: the disks and memories of nodes are caches.
//!
//!     cargo run --release --example image_caching
//!
//! Twenty functions with images of their own run on four nodes. Containers are not kept, so every
//! start is cold. But an image that is still in the memory of a node need not be loaded, one on its
//! disk need not be copied, and the head keeps what it has downloaded. The less memory the nodes
//! have, the more often an image has to be loaded again. (With much memory there are more copies
//! than loads: if all slots of the node with the image are busy, the image is copied to another
//! node, and by then a slot of the first node may be free again.)

use std::cell::RefCell;
use std::rc::Rc;

use isotherm::prelude::*;

fn main() -> Result<(), isotherm::Error> {
    println!("node memory  downloads  copies  loads  mean response (s)");
    for memory in [2, 4, 6, 8, 16] {
        simulate(memory)?;
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    downloads: u32,
    copies: u32,
    loads: u32,
}

fn simulate(memory: u64) -> Result<(), isotherm::Error> {
    let cluster = Cluster::new(4).cores(4).memory(memory * GB).repository(gbit_per_s(10));
    let world = World::new(cluster.build()?)?;
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes())
        .with_startup(millis(200));
    let platform = ServerlessComputeService::start(world.site(), config)?;
    let records = platform.collect_records();

    // An observer is told of every event on the platform, in order.
    let counts = Rc::new(RefCell::new(Counts::default()));
    let counting = Rc::clone(&counts);
    platform.observe(Box::new(move |event| {
        let mut counts = counting.borrow_mut();
        match event.kind {
            EventKind::DownloadEnded { .. } => counts.downloads += 1,
            EventKind::CopyEnded { .. } => counts.copies += 1,
            EventKind::LoadEnded { .. } => counts.loads += 1,
            _ => {}
        }
    }));

    let repository = world.storage("repository", world.host("repository")?)?;
    let (which, gap) = (Distribution::zipf(20, 0.8)?, Distribution::exponential(1.0)?);
    let mut random = RandomStreams::new(42).stream("workload");
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        let mut registered = Vec::new();
        for number in 0..20 {
            let image = Image::put(format!("image{number}"), 1500 * MB, 1200 * MB, &repository)?;
            let function =
                functions.function(&format!("function{number}"), &image, Body::sleep(secs(2)));
            registered.push(
                functions
                    .register(&function, &platform, Limits::time(minutes(1)).memory(500 * MB))
                    .await?,
            );
        }
        let mut invocations = Vec::new();
        while me.now() < Time::ZERO + hours(1) {
            me.sleep(secs(gap.sample(&mut random))).await;
            let rank = which.sample(&mut random) as usize;
            invocations.push(functions.invoke(&registered[rank - 1]).await?);
        }
        functions.wait_all(&invocations).await;
        Ok(())
    });
    world.run()?;

    let (counts, records) = (counts.borrow(), records.borrow());
    let response: Duration = records.iter().map(InvocationRecord::response).sum();
    let mean_s = response.as_secs_f64() / records.len() as f64;
    let Counts { downloads, copies, loads } = *counts;
    println!("{memory:8} GB  {downloads:9}  {copies:6}  {loads:5}  {mean_s:17.3}");
    Ok(())
}
