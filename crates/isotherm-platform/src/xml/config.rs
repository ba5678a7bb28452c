//! The options in the `config` element of a platform file.
//!
//! Options that give a constant of the network model are followed. Options that only concern how
//! SimGrid computes, traces or logs are passed over. Options that ask for another model are
//! refused, because what would be simulated is not what was asked for. Any other option is passed
//! over with a warning.

use roxmltree::Node;

use super::Reader;
use super::attributes::Attributes;
use crate::error::{PlatformError, Problem};
use crate::model::NetworkModel;
use crate::nearest::nearest;
use crate::raw::{Finding, Name};
use crate::units::{self, Dimension};

/// Options that change nothing in what is simulated.
const HARMLESS: [&str; 8] =
    ["contexts/", "tracing", "debug/", "exception/", "path", "log", "cpu/optim", "network/optim"];

/// Options that choose a model, with the values that mean ours.
const MODELS: [(&str, &[&str]); 4] = [
    ("network/model", &["LV08", "default"]),
    ("cpu/model", &["Cas01", "default"]),
    ("host/model", &["default"]),
    ("disk/model", &["S19", "default"]),
];

/// Options with the value that is built in.
const FIXED: [(&str, f64); 4] = [
    ("precision/timing", 1e-9),
    ("surf/precision", 1e-9),
    ("precision/work-amount", 1e-5),
    ("maxmin/precision", 1e-5),
];

type Setter = fn(&mut NetworkModel, f64);

const CONSTANTS: [(&str, Dimension, Setter); 6] = [
    ("network/latency-factor", Dimension::Speed, |model, value| model.latency_factor = value),
    ("network/bandwidth-factor", Dimension::Speed, |model, value| model.bandwidth_factor = value),
    ("network/weight-S", Dimension::Speed, |model, value| model.weight_s = value),
    ("network/TCP-gamma", Dimension::Size, |model, value| model.gamma = value),
    ("network/loopback-bw", Dimension::Bandwidth, |model, value| model.loopback_bandwidth = value),
    ("network/loopback-lat", Dimension::Time, |model, value| model.loopback_latency_s = value),
];

const CROSS_TRAFFIC: &str = "network/crosstraffic";

impl Reader<'_, '_> {
    pub(super) fn config(&mut self, node: Node<'_, '_>) {
        Attributes::new(self, node, &["id"]);
        for child in self.children(node, &["prop"]) {
            if let Some((name, value)) = self.property(child) {
                self.option(&name, &value);
            }
        }
    }

    fn option(&mut self, name: &Name, value: &Name) {
        let option = name.text.as_str();
        if let Some((_, ours)) = MODELS.iter().find(|(known, _)| *known == option) {
            if !ours.contains(&value.text.as_str()) {
                let what = format!("the value `{}` of option `{option}`", value.text);
                let error = PlatformError::from(Problem::NotSupported { what })
                    .with_hint(format!("the model is `{}`", ours[0]));
                self.report(value.origin, error);
            }
        } else if let Some(&(_, built_in)) = FIXED.iter().find(|(known, _)| *known == option) {
            if value.text.trim().parse() != Ok(built_in) {
                self.ignored(name, Some(format!("the value is always {built_in:e}")));
            }
        } else if let Some(&(_, dimension, set)) =
            CONSTANTS.iter().find(|(known, _, _)| *known == option)
        {
            self.constant(option, value, dimension, set);
        } else if option == CROSS_TRAFFIC {
            let words = [
                ("yes", true),
                ("no", false),
                ("true", true),
                ("false", false),
                ("1", true),
                ("0", false),
            ];
            match self.word("option `network/crosstraffic`", value, &words) {
                Some(false) => self.raw.model.cross_traffic = 0.0,
                Some(true) => self.raw.model.cross_traffic = NetworkModel::LV08.cross_traffic,
                None => {}
            }
        } else if !HARMLESS.iter().any(|start| option.starts_with(start)) {
            let known = CONSTANTS.iter().map(|&(known, _, _)| known);
            let known = known.chain([CROSS_TRAFFIC]).chain(MODELS.iter().map(|&(known, _)| known));
            let hint = nearest(option, known).map(|near| format!("did you mean `{near}`?"));
            self.ignored(name, hint);
        }
    }

    fn constant(&mut self, option: &str, value: &Name, dimension: Dimension, set: Setter) {
        let what = format!("option `{option}`");
        match units::parse(&value.text, dimension) {
            Ok(quantity) if quantity.value == 0.0 && must_be_positive(option) => {
                let error = crate::raw::bad_value(&what, &value.text, "it must be positive");
                self.report(value.origin, error);
            }
            Ok(quantity) => set(&mut self.raw.model, quantity.value),
            Err(error) => self.report(value.origin, Problem::Unit { what, error }),
        }
    }

    fn ignored(&mut self, name: &Name, hint: Option<String>) {
        let option = name.text.clone();
        let mut error = PlatformError::from(Problem::IgnoredOption { option });
        if let Some(hint) = hint {
            error = error.with_hint(hint);
        }
        let origin = name.origin;
        self.warnings.push(Finding { error, origin });
    }
}

fn must_be_positive(option: &str) -> bool {
    matches!(option, "network/bandwidth-factor" | "network/loopback-bw")
}
