//! `isotherm check`, and `--set` of it and of `isotherm run`.

use crate::ran::{assert_snapshot, examples, isotherm_in};

fn isotherm(arguments: &[&str]) -> (Option<i32>, String, String) {
    isotherm_in(&examples(), arguments)
}

/// The numbers can be counted in the files: 4 nodes of 4 cores in platforms/quickstart.xml, 10,116
/// rows below the header of the trace, 2,906 of the other.
#[test]
fn what_is_in_an_experiment() {
    for name in ["quickstart.toml", "lambda-replay.toml", "many-functions.toml"] {
        let (code, out, err) = isotherm(&["check", name]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{name}");
        assert_snapshot(&out, &format!("check-{name}").replace(".toml", ".txt"));
    }
    let (json, toml) =
        (isotherm(&["check", "many-functions.json"]), isotherm(&["check", "many-functions.toml"]));
    assert_eq!(json, toml);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let folder = "../crates/isotherm-experiment/tests/bad";
    for name in ["trace-rows.toml", "functions-rows.toml", "json-fields.json", "no-room.toml"] {
        let path = format!("{folder}/{name}");
        let (code, out, err) = isotherm(&["check", &path]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{name}");
        assert!(err.matches("error: ").count() >= 4 && err.contains(folder), "{err}");
    }
    let (code, _, err) = isotherm(&["check", "nowhere.toml"]);
    assert_eq!(
        (code, err.as_str()),
        (Some(2), "error: cannot read `nowhere.toml`: there is no such file\n")
    );
}

#[test]
fn warnings_are_shown() {
    let (code, out, err) = isotherm(&["check", "quickstart.toml", "--set", "parameters.unused=1"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("quickstart can be run\n"), "{out}");
    assert!(
        err.starts_with("warning: parameter `unused` is never used\n --> --set:1:12\n"),
        "{err}"
    );
}

#[test]
fn fields_and_parameters_are_set() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    // Three rows of 1 s, of which the second and third come while the first runs.
    let prefix = out.path().join("small").to_str().unwrap().to_owned();
    std::fs::write(format!("{prefix}_functions.csv"), "function,memory_mb,cold_start_s\na,128,1\n")
        .unwrap();
    let rows = "arrival_s,function,duration_s\n0,a,1\n0.5,a,1\n10,a,1\n";
    std::fs::write(format!("{prefix}_requests.csv"), rows).unwrap();
    let data = format!("data={prefix}");
    let run = |more: &[&str]| {
        let mut arguments =
            vec!["run", "many-functions.toml", "--json", "--out", folder, "--set", &data];
        arguments.extend(more);
        let (code, out, err) = isotherm(&arguments);
        assert_eq!(code, Some(0), "{err}");
        let starts = out.split_once("\"starts\": {").unwrap().1;
        ["\"cold\": 2,", "\"cold\": 3,"].map(|cold| starts.contains(cold))
    };
    // The third finds the container of another; that one is gone if it is not kept for 8 s.
    assert_eq!(run(&[]), [true, false]);
    assert_eq!(run(&["--set", "service.keep_alive.idle=5s"]), [false, true]);
    assert_eq!(
        run(&["--set", "service.keep_alive.idle=5s", "--set", "service.keep_alive.idle=9s"]),
        [true, false]
    );
}

#[test]
fn what_is_wrong_with_a_setting_is_shown_in_it() {
    let (code, out, err) =
        isotherm(&["run", "quickstart.toml", "--set", "service.keep_alive.idel=5min"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let message = "\
error: unknown field `idel`
 --> --set:1:20
  |
1 | service.keep_alive.idel=5min
  |                    ^^^^ did you mean `idle`?
";
    assert_eq!(err, message);
    let (code, _, err) = isotherm(&["check", "quickstart.toml", "--set", "seed"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("write it like service.keep_alive.idle=5min"), "{err}");
}

#[test]
fn the_help_of_check() {
    let (code, out, err) = isotherm(&["check", "--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_snapshot(&out, "check-help.txt");
}
