//! What leaves a simulation may go to any thread; a simulation itself stays on its own.

use isotherm::prelude::*;
use rayon::prelude::*;

fn assert_send_sync<T: Send + Sync>() {}

/// Does not compile if one of them cannot.
#[test]
fn errors_records_plans_and_reports_may_go_to_any_thread() {
    // Errors.
    assert_send_sync::<isotherm::Error>();
    assert_send_sync::<RunError>();
    assert_send_sync::<ServerlessError>();
    assert_send_sync::<PlatformError>();
    assert_send_sync::<FailureCause>();
    assert_send_sync::<isotherm::workload::WorkloadError>();
    assert_send_sync::<isotherm::results::SinkError>();
    assert_send_sync::<isotherm::kernel::DistributionError>();
    assert_send_sync::<isotherm::experiment::ExperimentError>();
    assert_send_sync::<isotherm::experiment::Diagnostics>();
    assert_send_sync::<isotherm::experiment::Stopped>();
    assert_send_sync::<isotherm::conform::ConformError>();
    // What is left of a run.
    assert_send_sync::<InvocationRecord>();
    assert_send_sync::<InvocationId>();
    assert_send_sync::<InvocationState>();
    assert_send_sync::<Outcome>();
    assert_send_sync::<PlatformEvent>();
    assert_send_sync::<ActionReport>();
    assert_send_sync::<isotherm::services::MessageEvent>();
    assert_send_sync::<isotherm::results::Summary>();
    assert_send_sync::<isotherm::results::SummaryReport>();
    assert_send_sync::<isotherm::results::PlatformCounts>();
    assert_send_sync::<isotherm::results::Utilisation>();
    assert_send_sync::<isotherm::results::RecordWriter<Vec<u8>>>();
    assert_send_sync::<isotherm::experiment::RunReport>();
    assert_send_sync::<isotherm::experiment::Progress>();
    assert_send_sync::<isotherm::conform::Obtained>();
    assert_send_sync::<isotherm::conform::Comparison>();
    assert_send_sync::<isotherm::conform::CaseReport>();
    // What a run is made of.
    assert_send_sync::<PlatformSpec>();
    assert_send_sync::<Cluster>();
    assert_send_sync::<Limits>();
    assert_send_sync::<isotherm::kernel::Limits>();
    assert_send_sync::<isotherm::experiment::Plan>();
    assert_send_sync::<isotherm::experiment::Experiment>();
    assert_send_sync::<isotherm::experiment::Overrides>();
    assert_send_sync::<isotherm::conform::Case>();
    assert_send_sync::<RandomStreams>();
    assert_send_sync::<Random>();
    assert_send_sync::<Distribution>();
}

/// A small simulation: three invocations of a function with an image, the last of which may not end
/// in time.
fn simulate(number: u64) -> Result<Vec<InvocationRecord>, isotherm::Error> {
    let world = World::new(Cluster::new(2).cores(2).build()?)?;
    let repository = world.storage("repository", world.host("repository")?)?;
    let image = Image::put("image", (1 + number % 7) * 10 * MB, 10 * MB, &repository)?;
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes());
    let platform = ServerlessComputeService::start(
        world.site(),
        config.with_keep_alive(Fixed::new(minutes(10))),
    )?;
    let records = platform.collect_records();
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        let body =
            Body::custom(async move |call| call.compute(gflop(10) * (number % 13) as f64).await);
        let function = functions.function(&format!("f{number}"), &image, body);
        let function =
            functions.register(&function, &platform, Limits::time(secs(10)).memory(GB)).await?;
        for _ in 0..3 {
            let invocation = functions.invoke(&function).await?;
            functions.wait_one(&invocation).await;
        }
        Ok(())
    });
    world.run()?;
    Ok(records.take())
}

#[test]
fn a_thousand_simulations_side_by_side_give_what_they_give_one_after_the_other()
-> Result<(), isotherm::Error> {
    let side_by_side =
        (0..1000).into_par_iter().map(simulate).collect::<Result<Vec<_>, isotherm::Error>>()?;
    let one_by_one = (0..1000).map(simulate).collect::<Result<Vec<_>, isotherm::Error>>()?;
    assert_eq!(format!("{side_by_side:?}"), format!("{one_by_one:?}"));
    // They are not all alike: 1 s per 10 Gf, and what comes to 10 s or less completes.
    for (number, records) in side_by_side.iter().enumerate() {
        let expected = secs((number % 13).min(10) as f64);
        assert_eq!(records.len(), 3);
        for record in records {
            assert_eq!(
                (&*record.function, record.execution()),
                (&*format!("f{number}"), Some(expected))
            );
            let outcome = if number % 13 <= 10 { Outcome::Completed } else { Outcome::TimedOut };
            assert_eq!(record.outcome, outcome);
        }
    }
    Ok(())
}

/// A program's own troubles go where the simulation's go: out of controllers by `run`, out of
/// bodies into records.
#[test]
fn own_errors_pass_with_a_question_mark_in_controllers_and_bodies() -> Result<(), isotherm::Error> {
    let world = World::new(Cluster::new(1).build()?)?;
    let config = ServiceConfig::on_hosts(Preset::Default, world.host("head")?, world.nodes());
    let platform = ServerlessComputeService::start(world.site(), config)?;
    let records = platform.collect_records();
    world.controller(world.host("user")?, "controller", async move |me| {
        let functions = me.function_manager();
        let body = Body::custom(async |_| {
            let _number: u32 = "many".parse()?;
            Ok(())
        });
        let function = Function::new("f", None, body);
        let function = functions.register(&function, &platform, Limits::time(secs(10))).await?;
        functions.wait_one(&functions.invoke(&function).await?).await;
        let _rates = std::fs::read_to_string("there/is/no/such/file")?;
        Ok(())
    });
    let error = world.run().unwrap_err();
    assert!(error.to_string().starts_with("controller `controller` failed: "), "{error}");
    let isotherm::Error::Controller { error, .. } = error else { panic!("{error}") };
    let isotherm::Error::Other(error) = *error else { panic!("{error}") };
    assert_eq!(
        error.downcast_ref::<std::io::Error>().map(std::io::Error::kind),
        Some(std::io::ErrorKind::NotFound)
    );
    let cause = records.borrow()[0].cause.clone();
    assert_eq!(
        cause,
        Some(FailureCause::BodyFailed { message: "invalid digit found in string".into() })
    );
    Ok(())
}

#[test]
fn errors_of_other_threads_pass_with_a_question_mark() {
    fn fail() -> Result<Time, Box<dyn std::error::Error + Send + Sync>> {
        let limits =
            isotherm::kernel::Limits { max_time: Some(Time::ZERO + secs(1)), ..Default::default() };
        let end = std::thread::spawn(move || -> Result<Time, isotherm::Error> {
            let world =
                World::with(Simulation::new().with_limits(limits), Cluster::new(1).build()?)?;
            world.controller(world.host("user")?, "sleeper", async |me| {
                me.sleep(secs(2)).await;
                Ok(())
            });
            world.run()
        });
        Ok(end.join().map_err(|_| "the thread has panicked")??)
    }
    let error = fail().unwrap_err();
    assert_eq!(error.to_string(), "the simulation was not over at the time limit of 1.000000000 s");
}
