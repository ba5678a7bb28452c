//! `isotherm policies`, as its users see it.

use std::process::{Command, Output};

fn policies(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isotherm")).arg("policies").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn all_sorts_of_policies_are_listed() {
    let output = policies(&[]);
    assert!(output.status.success());
    let text = stdout(&output);
    for (path, family) in isotherm_experiment::policies::families() {
        assert!(text.contains(&format!("{path}: {}\n", family.doc)), "{text}");
        for kind in (family.kinds)() {
            assert!(text.contains(&format!("  {} ", kind.title)), "{}", kind.title);
        }
    }
}

#[test]
fn the_list_says_what_holds_if_none_is_named() {
    let text = stdout(&policies(&[]));
    let line = |after: &str| {
        text.lines()
            .skip_while(|line| !line.starts_with(after))
            .find(|line| line.contains("(default: "))
    };
    let said = |after: &str| line(after).map(str::trim).unwrap_or_default();
    assert_eq!(said("service.scheduler:"), "(default: warm-first; fcfs under preset wrench)");
    assert_eq!(said("service.eviction:"), "(default: lru)");
    let list: serde_json::Value =
        serde_json::from_str(&stdout(&policies(&["--json", "first-fit"]))).unwrap();
    assert_eq!(list[0]["unless_named"], "`warm-first`; `fcfs` under preset `wrench`");
}

#[test]
fn one_policy_is_told_with_its_parameters() {
    // The field is that of the policy, its default what the reference of fields says.
    let text = stdout(&policies(&["fixed"]));
    let expected = "\
service.keep_alive: How long an idle container is kept.
  fixed  a container stops after this idle time
           idle: How long a container is kept when it is idle.
                 a duration, such as \"10min\"; required
         keep_alive = { kind = \"fixed\", idle = \"10min\" }
";
    assert_eq!(text, expected);
    assert!(!stdout(&policies(&["reuse"])).contains("service.keep_alive"));
}

#[test]
fn the_list_can_be_read_by_programs() {
    let list: serde_json::Value =
        serde_json::from_str(&stdout(&policies(&["--json", "fixed"]))).unwrap();
    let fixed = &list[0];
    assert_eq!(
        (fixed["field"].as_str(), fixed["kind"].as_str()),
        (Some("service.keep_alive"), Some("fixed"))
    );
    assert_eq!(fixed["parameters"][0]["name"], "idle");
    assert_eq!(fixed["parameters"][0]["required"], true);
}

#[test]
fn a_policy_that_is_not_there_is_bad_input() {
    let output = policies(&["randm"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message, "error: there is no policy `randm`\ndid you mean `random`?\n");
}
