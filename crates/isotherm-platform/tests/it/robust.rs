//! Whatever the text, reading it is an error or a platform, never a panic, and errors point into
//! the text.

use isotherm_platform::{PlatformSpec, Profile, units};
use proptest::prelude::*;

pub const CLUSTERS: &str = r#"<platform version="4.1">
  <trace id="t" periodicity="5">0 1
2 0</trace>
  <zone id="world" routing="Floyd">
    <zone id="A" routing="Dijkstra">
      <host id="a" speed="1f"/><router id="r"/><link id="x" bandwidth="1Bps"/><link id="y" bandwidth="1Bps"/>
      <route src="a" dst="r"><link_ctn id="x"/></route><bypassRoute src="a" dst="r"><link_ctn id="y"/></bypassRoute>
    </zone>
    <cluster id="c" prefix="c" suffix="" radical="0-2,5" speed="1f" bw="1Bps" lat="1us" limiter_link="1Bps"
      loopback_bw="1Bps" loopback_lat="0" bb_bw="1Bps" bb_lat="0" sharing_policy="SHARED" router_id="cr"/>
    <cluster id="t" prefix="t" suffix="" radical="0-5" speed="1f" bw="1Bps" lat="1us"
      limiter_link="1Bps" loopback_bw="1Bps" loopback_lat="0" topology="FAT_TREE" topo_parameters="2;3,2;1,2;1,2"/>
    <zone id="B" routing="Cluster">
      <cabinet id="k" prefix="k" suffix="" radical="0-1" speed="1f" bw="1Bps" lat="0"/>
      <host id="b" speed="1f"/><link id="z" bandwidth="1Bps" sharing_policy="SPLITDUPLEX"/>
      <host_link id="b" up="z_UP" down="z_DOWN"/><backbone id="bb" bandwidth="1Bps" latency="0"/><router id="br"/>
    </zone>
    <zone id="C" routing="Full"><zone id="D" routing="None"><host id="d" speed="1f"/></zone></zone>
    <zoneRoute src="A" dst="c" gw_src="r" gw_dst="cr"><link_ctn id="x"/></zoneRoute>
    <zoneRoute src="c" dst="B" gw_src="c1" gw_dst="br"><link_ctn id="y"/></zoneRoute>
    <zoneRoute src="B" dst="C" gw_src="br" gw_dst="d" symmetrical="NO"><link_ctn id="y"/></zoneRoute>
    <bypassZoneRoute src="A" dst="D" gw_src="a" gw_dst="d"><link_ctn id="z" direction="UP"/></bypassZoneRoute>
  </zone>
  <trace_connect kind="SPEED" trace="t" element="a"/>
</platform>"#;

pub const TEXT: &str = r#"<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <config><prop id="network/crosstraffic" value="no"/><prop id="network/TCP-gamma" value="0"/></config>
  <zone id="world" routing="Full">
    <zone id="left" routing="Full">
      <host id="a" speed="1Gf,2Gf" core="4" pstate="1"><prop id="ram" value="16GB"/>
        <disk id="d" read_bw="1MBps" write_bw="1MBps"><prop id="size" value="5GiB"/><prop id="mount" value="/"/></disk>
      </host>
      <router id="r"/><link id="x" bandwidth="1kbps" latency="1us" sharing_policy="SPLITDUPLEX"/>
      <route src="a" dst="r" symmetrical="NO"><link_ctn id="x" direction="UP"/></route>
    </zone>
    <zone id="right" routing="None"><host id="b" speed="1f" state_file="on.txt"/></zone>
    <link id="y" bandwidth="1" sharing_policy="FATPIPE"/>
    <zoneRoute src="left" dst="right" gw_src="r" gw_dst="b"><link_ctn id="y"/></zoneRoute>
  </zone>
</platform>"#;

/// Reads a text; the errors must have places in it.
fn read(text: &str) {
    let mut files = |_: &str| Ok("0 1\n5 0\n".to_owned());
    let lines = text.split('\n').count() as u32;
    let (errors, routes) = match PlatformSpec::from_simgrid_xml_with(text, &mut files) {
        Ok(spec) => (spec.warnings().to_vec(), Some(spec)),
        Err(errors) => {
            assert!(!errors.is_empty());
            (errors, None)
        }
    };
    for error in errors {
        if let Some(place) = error.position() {
            assert!(place.line >= 1 && place.line <= lines && place.column >= 1, "{error}");
        }
        assert!(!error.to_string().is_empty());
    }
    if let Some(spec) = routes {
        for (from, _) in spec.hosts() {
            for (to, _) in spec.hosts() {
                // Found or not, looking must end.
                let _ = spec.route(from, to);
            }
        }
    }
}

#[test]
fn the_text_itself_is_good() {
    let mut files = |_: &str| Ok("0 1\n".to_owned());
    PlatformSpec::from_simgrid_xml_with(TEXT, &mut files).unwrap();
    PlatformSpec::from_simgrid_xml_with(CLUSTERS, &mut files).unwrap();
}

/// A file that was cut off anywhere is refused, and a place is named where it ends or before.
#[test]
fn truncated_texts() {
    for text in [TEXT, CLUSTERS] {
        for end in 0..text.len() {
            let mut files = |_: &str| Ok(String::new());
            let errors = PlatformSpec::from_simgrid_xml_with(&text[..end], &mut files).unwrap_err();
            assert!(errors[0].position().is_some(), "{errors:?}");
            read(&text[..end]);
        }
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    /// Parts of a good text are removed, repeated, or exchanged with other parts of it.
    #[test]
    fn mangled_texts(
        which in any::<bool>(),
        edits in prop::collection::vec((0u8..3, 0usize..2000, 0usize..40, 0usize..2000), 1..4),
    ) {
        let mut text = if which { TEXT } else { CLUSTERS }.to_owned();
        for (kind, at, length, other) in edits {
            let (at, other) = (at % text.len(), other % text.len());
            let piece = text[other..(other + length).min(text.len())].to_owned();
            let end = (at + length).min(text.len());
            match kind {
                0 => text.replace_range(at..end, ""),
                1 => text.insert_str(at, &piece),
                _ => text.replace_range(at..end, &piece),
            }
            if text.is_empty() {
                return Ok(());
            }
        }
        read(&text);
    }

    /// Attribute values are exchanged with others, so that most texts stay well formed.
    #[test]
    fn exchanged_values(which in any::<bool>(), picks in prop::collection::vec((0usize..200, 0usize..200), 1..6)) {
        let mut parts: Vec<&str> = if which { TEXT } else { CLUSTERS }.split('"').collect();
        let values = parts.len() / 2;
        for (to, from) in picks {
            parts[2 * (to % values) + 1] = parts[2 * (from % values) + 1];
        }
        read(&parts.join("\""));
    }

    #[test]
    fn any_quantity(text in "[-+0-9.eE]{0,6}[a-zA-Z]{0,6}") {
        for value in [units::speed(&text), units::bandwidth(&text), units::time(&text)].into_iter().flatten() {
            prop_assert!(value.is_finite() && value >= 0.0);
        }
        let _ = units::size(&text);
    }

    /// The dates of a profile always increase, repetitions included.
    #[test]
    fn any_profile(text in "(PERIODICITY [0-9]\n|LOOPAFTER [0-9]\n)?([0-9]{1,2} [0-9]\n){0,4}") {
        if let Ok(profile) = Profile::parse(&text) {
            let dates: Vec<_> = profile.occurrences().take(12).map(|(date, _)| date).collect();
            prop_assert!(dates.windows(2).all(|pair| pair[0] < pair[1]), "{dates:?}");
        }
    }
}
