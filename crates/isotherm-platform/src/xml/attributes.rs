//! The attributes of an element, with their places, and the quantities in them.

use roxmltree::Node;

use super::{Reader, offset};
use crate::error::{PlatformError, Problem};
use crate::nearest::nearest;
use crate::raw::{Finding, Name, check_latency, check_rate};
use crate::units::{self, Dimension};

/// The attributes of one element.
pub(super) struct Attributes {
    element: String,
    origin: Option<usize>,
    given: Vec<(String, Name)>,
    /// Attributes for which misspelt ones were probably meant: they are not reported as missing,
    /// too.
    meant: Vec<String>,
}

impl Attributes {
    /// Reads the attributes of an element, and reports unknown ones.
    pub(super) fn new(reader: &mut Reader<'_, '_>, node: Node<'_, '_>, known: &[&str]) -> Self {
        let element = node.tag_name().name().to_owned();
        let mut given = Vec::new();
        let mut meant = Vec::new();
        for attribute in node.attributes() {
            let name = attribute.name();
            if known.contains(&name) {
                let value = Name {
                    text: attribute.value().to_owned(),
                    origin: Some(attribute.range_value().start),
                };
                given.push((name.to_owned(), value));
            } else if attribute.namespace().is_none() {
                meant.extend(nearest(name, known.iter().copied()).map(str::to_owned));
                let problem = Problem::UnknownAttribute {
                    element: element.clone(),
                    attribute: name.to_owned(),
                };
                let error = match PlatformError::from(problem) {
                    // Former versions of the format had it.
                    error if name == "state" && known.contains(&"state_file") => error.with_hint(
                        "a `state_file` with the line `0 0` has it off from the beginning on",
                    ),
                    error => error.with_suggestion(name, known.iter().copied()),
                };
                reader.report(Some(attribute.range().start), error);
            }
        }
        Self { element, origin: offset(node), given, meant }
    }

    pub(super) fn get(&self, attribute: &str) -> Option<Name> {
        let (_, value) = self.given.iter().find(|(name, _)| name == attribute)?;
        Some(value.clone())
    }

    /// The value of an attribute that says nothing when it is empty.
    pub(super) fn optional(&self, attribute: &str) -> Option<Name> {
        self.get(attribute).filter(|given| !given.text.is_empty())
    }

    /// The value of an attribute that must be there and must not be empty.
    pub(super) fn required(&self, reader: &mut Reader<'_, '_>, attribute: &str) -> Option<Name> {
        let Some(value) = self.get(attribute) else {
            if self.meant.iter().any(|meant| meant == attribute) {
                return None;
            }
            let problem = Problem::MissingAttribute {
                element: self.element.clone(),
                attribute: attribute.to_owned(),
            };
            reader.report(self.origin, problem);
            return None;
        };
        if value.text.is_empty() {
            let what = format!("attribute `{attribute}` of `{}`", self.element);
            let error = crate::raw::bad_value(&what, "", "it must not be empty");
            reader.report(value.origin, error);
            return None;
        }
        Some(value)
    }

    /// A speed or a bandwidth that must be there.
    pub(super) fn rate(
        &self,
        reader: &mut Reader<'_, '_>,
        attribute: &str,
        dimension: Dimension,
    ) -> Option<f64> {
        let given = self.required(reader, attribute)?;
        self.rate_of(reader, attribute, &given, dimension)
    }

    fn rate_of(
        &self,
        reader: &mut Reader<'_, '_>,
        attribute: &str,
        given: &Name,
        dimension: Dimension,
    ) -> Option<f64> {
        let what = format!("attribute `{attribute}` of `{}`", self.element);
        let value = self.quantity(reader, &what, given, dimension)?;
        match check_rate(&what, value) {
            Ok(value) => Some(value),
            Err(error) => {
                reader.report(given.origin, error);
                None
            }
        }
    }

    /// The speeds of the processor states of a host, separated by commas, which must be there. The
    /// one of the selected state is above 0; another one may be 0, such as that of a state in which
    /// the host boots.
    pub(super) fn speeds(
        &self,
        reader: &mut Reader<'_, '_>,
        attribute: &str,
        selected: usize,
    ) -> Option<Vec<f64>> {
        let list = self.required(reader, attribute)?;
        let speed = |(state, text): (usize, &str)| {
            let given = Name { text: text.to_owned(), origin: list.origin };
            match state == selected {
                true => self.rate_of(reader, attribute, &given, Dimension::Speed),
                false => {
                    let what = format!("attribute `{attribute}` of `{}`", self.element);
                    self.quantity(reader, &what, &given, Dimension::Speed)
                }
            }
        };
        let speeds: Vec<Option<f64>> = list.text.split(',').enumerate().map(speed).collect();
        speeds.into_iter().collect()
    }

    /// A latency; zero if there is none.
    pub(super) fn latency(&self, reader: &mut Reader<'_, '_>, attribute: &str) -> Option<f64> {
        let Some(given) = self.optional(attribute) else {
            return Some(0.0);
        };
        let what = format!("attribute `{attribute}` of `{}`", self.element);
        let value = self.quantity(reader, &what, &given, Dimension::Time)?;
        match check_latency(&what, value) {
            Ok(value) => Some(value),
            Err(error) => {
                reader.report(given.origin, error);
                None
            }
        }
    }

    /// A whole number within limits; the default if there is none.
    pub(super) fn whole(
        &self,
        reader: &mut Reader<'_, '_>,
        attribute: &str,
        default: u32,
        least: u32,
    ) -> Option<u32> {
        let Some(given) = self.get(attribute) else {
            return Some(default);
        };
        match given.text.trim().parse::<u32>() {
            Ok(value) if value >= least => Some(value),
            _ => {
                let what = format!("attribute `{attribute}` of `{}`", self.element);
                let rule = format!("it must be a whole number, at least {least}");
                let error = crate::raw::bad_value(&what, &given.text, &rule);
                reader.report(given.origin, error);
                None
            }
        }
    }

    fn quantity(
        &self,
        reader: &mut Reader<'_, '_>,
        what: &str,
        given: &Name,
        dimension: Dimension,
    ) -> Option<f64> {
        match units::parse(&given.text, dimension) {
            Ok(quantity) => {
                if !quantity.has_unit && quantity.value != 0.0 {
                    let problem = Problem::MissingUnit {
                        what: what.to_owned(),
                        value: given.text.clone(),
                        unit: dimension.base_unit(),
                    };
                    let (error, origin) = (problem.into(), given.origin);
                    reader.warnings.push(Finding { error, origin });
                }
                Some(quantity.value)
            }
            Err(error) => {
                let what = what.to_owned();
                reader.report(given.origin, Problem::Unit { what, error });
                None
            }
        }
    }
}
