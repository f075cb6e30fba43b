//! Variables, lists and negations to sets.

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::{AddressRange, Expr, PortRange, Term};
use super::config::RuleConfig;
use super::diagnostic::{Reason, excerpt};
use super::interval::{AddressSet, PortSet, Set};
use super::parse;

/// Resolves terms; each variable is read once.
pub(super) struct Variables<'c> {
    config: &'c RuleConfig,
    addresses: HashMap<String, State<AddressSet>>,
    ports: HashMap<String, State<PortSet>>,
}

/// A reason, and the offset in the rule that it is about.
type Placed = (Reason, usize);

#[derive(Clone)]
enum State<S> {
    /// Being read: who asks for it now is part of it.
    Open,
    Done(Result<Rc<S>, Reason>),
}

impl<'c> Variables<'c> {
    pub fn new(config: &'c RuleConfig) -> Self {
        Self { config, addresses: HashMap::new(), ports: HashMap::new() }
    }

    /// The addresses that `term` means.
    pub fn addresses(&mut self, term: &Term<'_, AddressRange>) -> Result<AddressSet, Placed> {
        resolve(self, term)
    }

    /// The ports that `term` means.
    pub fn ports(&mut self, term: &Term<'_, PortRange>) -> Result<PortSet, Placed> {
        resolve(self, term)
    }
}

impl Variables<'_> {
    /// Why the variable `name` means no addresses.
    pub fn address_fault(&mut self, name: &str) -> Option<Reason> {
        fault::<AddressSet>(self, name)
    }

    /// Why it means no ports.
    pub fn port_fault(&mut self, name: &str) -> Option<Reason> {
        fault::<PortSet>(self, name)
    }
}

fn fault<S: Kind>(variables: &mut Variables<'_>, name: &str) -> Option<Reason> {
    match variable::<S>(variables, name, MAX_DEPTH) {
        Ok(set) if set.is_empty() => Some(Reason::EmptySet),
        Ok(_) => None,
        // Its own name need not be said.
        Err(Reason::InVariable { name: of, reason }) if of == name => Some(*reason),
        Err(reason) => Some(reason),
    }
}

/// What differs between addresses and ports: how a variable's text is read, and where its value is kept.
trait Kind: Set {
    fn cache<'v>(variables: &'v mut Variables<'_>) -> &'v mut HashMap<String, State<Self>>;
    fn read(text: &str) -> Result<Term<'_, Self::Range>, Reason>;
}

impl Kind for AddressSet {
    fn cache<'v>(variables: &'v mut Variables<'_>) -> &'v mut HashMap<String, State<Self>> {
        &mut variables.addresses
    }

    fn read(text: &str) -> Result<Term<'_, AddressRange>, Reason> {
        parse::addresses(text)
    }
}

impl Kind for PortSet {
    fn cache<'v>(variables: &'v mut Variables<'_>) -> &'v mut HashMap<String, State<Self>> {
        &mut variables.ports
    }

    fn read(text: &str) -> Result<Term<'_, PortRange>, Reason> {
        parse::ports(text)
    }
}

/// The set of a whole term. What is empty is a mistake.
fn resolve<S: Kind>(variables: &mut Variables<'_>, term: &Term<'_, S::Range>) -> Result<S, Placed> {
    let set = members::<S>(variables, std::slice::from_ref(term), MAX_DEPTH)?;
    if set.is_empty() { Err((Reason::EmptySet, term.at)) } else { Ok(set) }
}

/// A list: all that is named without `!` (everything, where nothing is), less all that is named with it.
fn members<S: Kind>(variables: &mut Variables<'_>, terms: &[Term<'_, S::Range>], depth: usize) -> Result<S, Placed> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for term in terms {
        let set = expr::<S>(variables, term, depth)?;
        if term.negated { &mut without } else { &mut with }.push(set);
    }
    let base = if with.is_empty() { S::all() } else { S::union(with) };
    Ok(if without.is_empty() { base } else { base.without(&S::union(without)) })
}

/// What a term names, its own negation left out.
fn expr<S: Kind>(variables: &mut Variables<'_>, term: &Term<'_, S::Range>, depth: usize) -> Result<S, Placed> {
    let placed = |reason| (reason, term.at);
    let deeper = depth.checked_sub(1).ok_or((Reason::TooDeep, term.at))?;
    match &term.expr {
        Expr::Any => Ok(S::all()),
        Expr::Range(range) => Ok(S::of(*range)),
        Expr::List(terms) => members(variables, terms, deeper),
        Expr::Variable(name) => variable::<S>(variables, name, deeper).map(|set| (*set).clone()).map_err(placed),
    }
}

fn variable<S: Kind>(variables: &mut Variables<'_>, name: &str, depth: usize) -> Result<Rc<S>, Reason> {
    match S::cache(variables).get(name) {
        Some(State::Done(value)) => return value.clone(),
        Some(State::Open) => return Err(Reason::CircularVariable(excerpt(name))),
        None => {}
    }
    let Some(text) = variables.config.variables.get(name) else { return Err(Reason::UnknownVariable(excerpt(name))) };
    S::cache(variables).insert(name.to_owned(), State::Open);
    let value = S::read(text)
        .and_then(|term| members::<S>(variables, std::slice::from_ref(&term), depth).map_err(|(reason, _)| reason))
        .map(Rc::new)
        .map_err(|reason| in_variable(name, reason));
    S::cache(variables).insert(name.to_owned(), State::Done(value.clone()));
    value
}

fn in_variable(name: &str, reason: Reason) -> Reason {
    match reason {
        Reason::UnknownVariable(_) | Reason::CircularVariable(_) | Reason::InVariable { .. } => reason,
        other => Reason::InVariable { name: excerpt(name), reason: Box::new(other) },
    }
}

/// How many lists and variables may be within each other.
const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> RuleConfig {
        let mut config = RuleConfig::default();
        variables.iter().for_each(|(name, value)| config.set_variable(name, value));
        config
    }

    fn addresses(text: &str, config: &RuleConfig) -> Result<AddressSet, Reason> {
        Variables::new(config).addresses(&parse::addresses(text)?).map_err(|(reason, _)| reason)
    }

    #[test]
    fn sets_of_addresses() {
        let config = config(&[("LAB", "[10.1.0.0/16,!10.1.2.0/24]")]);
        for (text, inside, outside) in [
            ("any", &["10.0.0.1", "2001:db8::1"][..], &[][..]),
            ("$HOME_NET", &["10.0.0.1", "172.31.255.255", "192.168.0.0"], &["172.32.0.0", "198.18.0.1", "2001:db8::1"]),
            ("$EXTERNAL_NET", &["198.18.0.1", "2001:db8::1"], &["10.0.0.1"]),
            ("!$EXTERNAL_NET", &["10.0.0.1"], &["198.18.0.1"]),
            ("[$HOME_NET,!$LAB]", &["10.0.0.1", "10.1.2.9"], &["10.1.0.1", "198.18.0.1"]),
            ("![10.0.0.0/8,192.168.1.1]", &["192.168.1.2"], &["10.0.0.1", "192.168.1.1"]),
            ("[!10.0.0.0/8]", &["11.0.0.0"], &["10.0.0.0"]),
            ("[2001:db8::/32,10.0.0.1-10.0.0.9]", &["2001:db8::7", "10.0.0.9"], &["10.0.0.10", "2001:db9::"]),
        ] {
            let set = addresses(text, &config).expect(text);
            inside.iter().for_each(|a| assert!(set.contains(a.parse().unwrap()), "{a} in {text}"));
            outside.iter().for_each(|a| assert!(!set.contains(a.parse().unwrap()), "{a} in {text}"));
        }
    }

    #[test]
    fn one_name_serves_as_ports_too() {
        let config = config(&[("WEB", "[443,8443:8449,!8445]")]);
        let set = Variables::new(&config).ports(&parse::ports("!$WEB").unwrap()).unwrap();
        assert_eq!([80, 443, 8444, 8445, 8450].map(|p| set.contains(p)), [true, false, false, true, true]);
    }

    #[test]
    fn mistakes_in_variables() {
        let config = config(&[("A", "[$B]"), ("B", "!$A"), ("C", "10.0.0.0/99"), ("D", "$C")]);
        let bad = |name: &str| Reason::InVariable {
            name: name.to_owned(),
            reason: Box::new(Reason::BadAddress("10.0.0.0/99".to_owned())),
        };
        for (text, reason) in [
            ("$NONE", Reason::UnknownVariable("NONE".to_owned())),
            ("$A", Reason::CircularVariable("A".to_owned())),
            ("$D", bad("C")),
            ("!any", Reason::EmptySet),
            ("[10.0.0.1,!10.0.0.0/8]", Reason::EmptySet),
        ] {
            assert_eq!(addresses(text, &config), Err(reason), "{text}");
        }
    }

    #[test]
    fn variables_that_double_cost_no_time() {
        let mut vars: Vec<(String, String)> = (0..12).map(|i| (format!("V{i}"), format!("[$V{0},!$V{0},$V{0}]", i + 1))).collect();
        vars.push(("V12".to_owned(), "10.0.0.0/8".to_owned()));
        let mut config = RuleConfig::default();
        vars.iter().for_each(|(n, v)| config.set_variable(n, v));
        assert_eq!(addresses("$V0", &config), Err(Reason::EmptySet));
    }
}
