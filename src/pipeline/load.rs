//! Rules, read by several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::rules::{LoadReport, NamedSets, Portion, ReadRules, RuleConfig, RuleReader, RuleSet, Source};

/// Does what [`RuleSet::compile`] does, with as many threads as pay: one for each processor, as far as there is text for them.
pub fn load_rules(sources: &[Source<'_>], config: &RuleConfig) -> (RuleSet, LoadReport) {
    RuleSet::join(read_rules(sources, config), config)
}

/// The first half of that: what is read of `sources`, for [`RuleSet::join`]. The text is needed no more then, and for large feeds may go.
pub fn read_rules(sources: &[Source<'_>], config: &RuleConfig) -> Vec<ReadRules> {
    let portions: Vec<Portion<'_>> = sources.iter().flat_map(|s| s.portions(PORTION)).collect();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let bytes: usize = sources.iter().map(|s| s.text.len()).sum();
    let threads = processors.min(bytes / PAYS).max(1);
    read(&portions, config, &NamedSets::of(sources, config), threads)
}

/// What is read of each portion, in their order. Who is done with one takes the next.
fn read(portions: &[Portion<'_>], config: &RuleConfig, sets: &NamedSets, threads: usize) -> Vec<ReadRules> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut reader = RuleReader::new(config, sets);
        let taken = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        taken.map_while(|i| Some((i, reader.read(portions.get(i)?)))).collect::<Vec<_>>()
    };
    let mut read = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut read = work();
        for other in others {
            read.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        read
    });
    read.sort_unstable_by_key(|(i, _)| *i);
    read.into_iter().map(|(_, rules)| rules).collect()
}

/// Bytes that are read at a time: some thousand rules.
const PORTION: usize = 512 << 10;

/// Bytes for each thread below which it costs more than it saves: reading them takes a few milliseconds.
const PAYS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// Rules with notes, mistakes, sids that come again in other portions, and disabled ones.
    fn text(rules: u32) -> String {
        let mut text = String::new();
        for i in 0..rules {
            let (sid, rev) = (i * 7 % 1000, i % 5);
            let option = [
                "tls.sni; content:\"a.example\"",
                "ja4.hash",
                "tag:host",
                "pcre:\"/(/\"",
                "tls.sni; content:\"b\"; \\\n nocase",
                "requires:feature none",
            ];
            let option = option[i as usize % option.len()];
            let comment = if i % 11 == 0 { "#" } else { "" };
            writeln!(text, "{comment}alert tls any any -> any any (msg:\"{i}\"; {option}; sid:{sid}; rev:{rev};)").unwrap();
        }
        text
    }

    #[test]
    fn however_many_threads_read_the_rules_are_the_same() {
        let texts = [text(500), text(3), text(700)];
        let sources: Vec<_> =
            [("a", &texts[0]), ("b", &texts[1]), ("c", &texts[2])].map(|(name, text)| Source { name, text }).into();
        let config = RuleConfig { review: true, portability: true, texts: true, ..RuleConfig::default() };
        let (set, report) = RuleSet::compile(&sources, &config);
        assert!([&report.errors, &report.notes, &report.findings].iter().all(|found| !found.is_empty()));
        for (bytes, threads) in [(1, 1), (1, 3), (1000, 2), (usize::MAX, 2)] {
            let portions: Vec<_> = sources.iter().flat_map(|s| s.portions(bytes)).collect();
            let (joined, told) = RuleSet::join(read(&portions, &config, &NamedSets::of(&sources, &config), threads), &config);
            assert!(joined.rules().eq(set.rules()), "{bytes} bytes, {threads} threads");
            assert_eq!(format!("{told:?}"), format!("{report:?}"), "{bytes} bytes, {threads} threads");
        }
    }
}
