//! The options that name lists: files of domains, certificates, fingerprints or addresses that are tried beside rules.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::feed_files::{self, FileError};
use crate::rules::{Action, Diagnostic, List, ListKind, ListSource};

/// Lists that are no rules.
#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// Try a list that is no rules: KIND is domains, certs, ja3, ja4, ips, or auto (as its header says); ACTION is alert, drop, reject or
    /// pass [default: alert]; may be repeated
    #[arg(long, value_name = "KIND[:ACTION]=FILE", value_parser = named_list)]
    list: Vec<NamedList>,

    /// Drop flows whose client asks for one of these domains, or one below them
    #[arg(long, value_name = "FILE")]
    block_domains: Vec<PathBuf>,

    /// Drop flows whose server sends one of these certificates: SHA-1 or SHA-256, or SSLBL's CSV
    #[arg(long, value_name = "FILE")]
    block_certs: Vec<PathBuf>,

    /// Drop flows whose client has one of these JA3 fingerprints
    #[arg(long, value_name = "FILE")]
    block_ja3: Vec<PathBuf>,

    /// Drop flows whose client has one of these JA4 fingerprints
    #[arg(long, value_name = "FILE")]
    block_ja4: Vec<PathBuf>,

    /// Drop flows with one of these addresses or networks at either end
    #[arg(long, value_name = "FILE")]
    block_ips: Vec<PathBuf>,
}

/// `KIND[:ACTION]=FILE`
#[derive(Clone, Debug)]
struct NamedList {
    /// `None` for `auto`.
    kind: Option<ListKind>,
    action: Action,
    path: PathBuf,
}

impl ListOptions {
    /// All files that the options name.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let blocking = self.blocking().into_iter().flat_map(|(_, paths)| paths);
        self.list.iter().map(|list| &list.path).chain(blocking).map(PathBuf::as_path)
    }

    /// Whether they name none.
    pub fn is_empty(&self) -> bool {
        self.files().next().is_none()
    }

    /// The lists of all options, and what is wrong with their lines.
    pub fn read(&self) -> Result<(Vec<Arc<List>>, Vec<Diagnostic>), FileError> {
        let (mut lists, mut mistakes) = (Vec::new(), Vec::new());
        let named = self.list.iter().map(|NamedList { kind, action, path }| (*kind, *action, path));
        let blocking = self.blocking().into_iter().flat_map(|(kind, paths)| paths.iter().map(move |path| (kind, path)));
        for (kind, action, path) in named.chain(blocking.map(|(kind, path)| (Some(kind), Action::Drop, path))) {
            let text = feed_files::text(feed_files::read(path)?);
            let (list, wrong) = List::parse(&ListSource { name: &path.display().to_string(), text: &text, kind, action });
            lists.push(Arc::new(list));
            mistakes.extend(wrong);
        }
        Ok((lists, mistakes))
    }

    fn blocking(&self) -> [(ListKind, &Vec<PathBuf>); 5] {
        [
            (ListKind::Domains, &self.block_domains),
            (ListKind::Certificates, &self.block_certs),
            (ListKind::Ja3, &self.block_ja3),
            (ListKind::Ja4, &self.block_ja4),
            (ListKind::Addresses, &self.block_ips),
        ]
    }
}

fn named_list(text: &str) -> Result<NamedList, String> {
    let (what, path) = text.split_once('=').ok_or("expected KIND=FILE or KIND:ACTION=FILE")?;
    let (kind, action) = what.split_once(':').unwrap_or((what, "alert"));
    let known = ListKind::ALL.into_iter().find(|k| k.as_str() == kind);
    if known.is_none() && kind != "auto" {
        return Err(format!("'{kind}' is no kind of list: use domains, certs, ja3, ja4, ips or auto"));
    }
    let action = Action::from_word(action).ok_or_else(|| format!("'{action}' is no action: use alert, drop, reject or pass"))?;
    Ok(NamedList { kind: known, action, path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_with_kind_and_action() {
        for (text, kind, action) in [
            ("domains=a=b.txt", Some(ListKind::Domains), Action::Alert),
            ("ips:drop=a=b.txt", Some(ListKind::Addresses), Action::Drop),
            ("auto:pass=a=b.txt", None, Action::Pass),
        ] {
            let list = named_list(text).unwrap();
            assert_eq!((list.kind, list.action, list.path), (kind, action, PathBuf::from("a=b.txt")), "{text}");
        }
        for (text, said) in [
            ("a.txt", "expected KIND=FILE or KIND:ACTION=FILE"),
            ("urls=a.txt", "'urls' is no kind of list: use domains, certs, ja3, ja4, ips or auto"),
            ("ips:block=a.txt", "'block' is no action: use alert, drop, reject or pass"),
        ] {
            assert_eq!(named_list(text).unwrap_err(), said);
        }
    }
}
