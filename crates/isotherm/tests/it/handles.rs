//! Handles of functions, invocations and nodes: what is the same, and what belongs together.

#![expect(clippy::mutable_key_type, reason = "a handle is hashed by what never changes")]

use std::collections::HashSet;

use isotherm::prelude::*;

#[test]
fn images_and_functions_are_equal_to_their_clones_only() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(1).build()?)?;
    let repository = world.storage("repository", world.host("repository")?)?;
    let images = [(); 2].map(|()| Image::new("python", MB, MB, &repository));
    assert_ne!(images[0], images[1]);
    let distinct: HashSet<_> = images.iter().chain(&images).cloned().collect();
    assert_eq!(distinct.len(), 2);

    let new = || Function::new("f", Some(images[0].clone()), Body::sleep(secs(1)));
    let functions = [new(), new(), new().with_startup(secs(1))];
    let changed = functions[0].clone().with_startup(secs(1));
    let distinct: HashSet<_> = functions.iter().chain(&functions).chain([&changed]).collect();
    assert_eq!(distinct.len(), 4);
    assert_eq!(functions[0].image(), Some(&images[0]));
    Ok(())
}

#[test]
fn an_invocation_knows_its_function_also_after_its_end() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(1).build()?)?;
    let services: Vec<_> = ["first", "second"]
        .into_iter()
        .map(|name| {
            let config =
                ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes())
                    .with_name(name);
            Ok(ServerlessComputeService::start(world.site(), config)?)
        })
        .collect::<Result<_, isotherm::Error>>()?;
    world.controller(world.host("user")?, "controller", async move |me| {
        let manager = me.function_manager();
        // Of one name, registered three times.
        let function = Function::new("f", None, Body::sleep(secs(1)));
        let limits = Limits::time(secs(9));
        let mut registered = Vec::new();
        for service in [&services[0], &services[0], &services[1]] {
            registered.push(manager.register(&function, service, limits).await?);
        }
        assert_eq!(registered.iter().collect::<HashSet<_>>().len(), 3);
        assert_eq!(services[0].registered("f").as_ref(), Some(&registered[1]));

        let mut invocations = Vec::new();
        for function in &registered {
            invocations.push(manager.invoke(function).await?);
        }
        // The first of the second service has the id of the first of the first service.
        assert_eq!(invocations[0].id(), invocations[2].id());
        assert_eq!(invocations.iter().collect::<HashSet<_>>().len(), 3);
        assert_eq!(services[0].unfinished().unwrap(), invocations[..2]);
        for _ in 0..2 {
            let of = invocations.iter().map(Invocation::function).collect::<Vec<_>>();
            assert_eq!(of, registered);
            assert_eq!(of[0].function(), &function);
            manager.wait_all(&invocations).await;
        }
        Ok(())
    });
    assert_eq!(world.run()?, Time::ZERO + secs(1));
    Ok(())
}

#[test]
fn nodes_and_hosts_are_found_from_each_other() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(3).build()?)?;
    let [head, node0, node2] = ["head", "node0", "node2"].map(|name| world.host(name).unwrap());
    // In the order of the configuration, not of the platform.
    let config = ServiceConfig::on_hosts(Preset::Default, head, [node2, node0]);
    let platform = ServerlessComputeService::start(world.site(), config)?;
    let nodes = [NodeId(0), NodeId(1), NodeId(2)];
    assert_eq!(nodes.map(|node| platform.node_host(node)), [Some(node2), Some(node0), None]);
    let names = nodes.map(|node| platform.node_name(node).map(|name| name.to_string()));
    assert_eq!(names, [Some("node2".to_owned()), Some("node0".to_owned()), None]);
    let hosts = [node2, node0, world.host("node1")?, head];
    let found = hosts.map(|host| platform.node_on(host));
    assert_eq!(found, [Some(NodeId(0)), Some(NodeId(1)), None, None]);
    Ok(())
}
