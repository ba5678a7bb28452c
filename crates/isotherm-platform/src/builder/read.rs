//! A platform that was read from a text, to be added to.

use super::{PlatformBuilder, world};
use crate::error::{Kind, PlatformError, Problem};
use crate::raw::{Name, RawPlatform};
use crate::resolve::resolve;
use crate::routing::Routing;
use crate::xml::{ProfileFiles, no_files, read};

impl PlatformBuilder {
    /// Reads a SimGrid platform file, to which hosts, disks, links and routes may then be added. A
    /// file that names profile files is refused: see
    /// [`from_simgrid_xml_with`](Self::from_simgrid_xml_with).
    ///
    /// Hosts, routers and clusters are added to the outermost zone of the file, and so are routes:
    /// their ends are what is directly in it. A route that ends at a zone enters it at the
    /// [gateway](Self::gateway) of the zone. If the file has several outermost zones, or one whose
    /// routing is `Cluster` or `None`, what is added stands beside them, in a zone around all with
    /// `Full` routing.
    ///
    /// ```
    /// use isotherm_platform::PlatformBuilder;
    ///
    /// let mut platform = PlatformBuilder::from_simgrid_xml(
    ///     r#"<platform version="4.1">
    ///          <cluster id="rack" prefix="node" suffix="" radical="0-63" speed="10Gf" bw="10Gbps" lat="25us"/>
    ///        </platform>"#,
    /// )
    /// .unwrap();
    /// platform.host("head", 10e9).cores(8);
    /// for host in ["head", "node0", "node1"] {
    ///     platform.disk(host, "ssd", 2e9, 1e9).size(1_000_000_000_000);
    /// }
    /// platform.link("uplink", 5e9, 10e-6);
    /// platform.route("head", "rack", ["uplink"]);
    /// let spec = platform.build().unwrap();
    /// let route = spec.route(spec.host_id("head").unwrap(), spec.host_id("node7").unwrap()).unwrap();
    /// let names: Vec<&str> = route.iter().map(|&link| spec.link(link).name.as_str()).collect();
    /// assert_eq!(names, ["uplink", "rack_link_7_DOWN"]);
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn from_simgrid_xml(text: &str) -> Result<Self, Vec<PlatformError>> {
        Self::from_simgrid_xml_with(text, &mut no_files)
    }

    /// Reads a SimGrid platform file whose profile files the caller provides.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_simgrid_xml_with(
        text: &str,
        files: &mut ProfileFiles<'_>,
    ) -> Result<Self, Vec<PlatformError>> {
        // The file is checked as a whole here, where the places in it are known.
        let (mut raw, warnings) =
            read(text, files, |raw, findings| resolve(raw.clone(), findings).map(|_| raw))?;
        let outermost = raw.zones.iter().filter(|zone| zone.parent.is_none()).count();
        if outermost > 1 || matches!(raw.zones[0].routing, Routing::Cluster | Routing::None) {
            enclose(&mut raw);
        }
        Ok(PlatformBuilder { warnings, ..PlatformBuilder::of(raw) })
    }

    /// Sets the host or router at which the routes added here enter and leave a zone of the file,
    /// as `gw_src` and `gw_dst` do for a route in the file. That of a cluster is its router.
    pub fn gateway(&mut self, zone: &str, point: &str) -> &mut Self {
        match self.check_gateway(zone, point) {
            Ok(index) => self.raw.zones[index].gateway = Some(Name::new(point)),
            Err(error) => self.report(error),
        }
        self
    }

    /// The index of the zone, if the point is inside it.
    fn check_gateway(&self, zone: &str, point: &str) -> Result<usize, PlatformError> {
        let RawPlatform { zones, hosts, routers, .. } = &self.raw;
        let names = zones.iter().map(|zone| zone.name.text.as_str());
        let unknown = |kind, name: &str| {
            PlatformError::from(Problem::Unknown { kind, name: name.to_owned() })
        };
        let Some(index) = names.clone().position(|name| name == zone) else {
            return Err(unknown(Kind::Zone, zone).with_suggestion(zone, names));
        };
        let router = routers.iter().find(|router| router.name.text == point);
        let (kind, mut at) = match (self.hosts.get(point), router) {
            (Some(&host), _) => (Kind::Host, Some(hosts[host].zone)),
            (_, Some(router)) => (Kind::Router, Some(router.zone)),
            _ => {
                let hosts = hosts.iter().map(|host| host.name.text.as_str());
                let names = hosts.chain(routers.iter().map(|router| router.name.text.as_str()));
                return Err(unknown(Kind::EndOfRoute, point).with_suggestion(point, names));
            }
        };
        while at.is_some_and(|zone| zone != index) {
            at = at.and_then(|zone| zones[zone].parent);
        }
        let outside = Problem::OutsideZone { kind, name: point.to_owned(), zone: zone.to_owned() };
        at.ok_or_else(|| outside.into())
    }
}

/// Puts a zone around all others.
fn enclose(raw: &mut RawPlatform) {
    let world = world(raw);
    for zone in &mut raw.zones {
        zone.parent = Some(zone.parent.map_or(0, |parent| parent + 1));
    }
    raw.zones.insert(0, world);
    let hosts = raw.hosts.iter_mut().map(|host| &mut host.zone);
    let routers = raw.routers.iter_mut().map(|router| &mut router.zone);
    let routes = raw.routes.iter_mut().map(|route| &mut route.zone);
    let attachments = raw.attachments.iter_mut().map(|attachment| &mut attachment.zone);
    hosts.chain(routers).chain(routes).chain(attachments).for_each(|zone| *zone += 1);
}
