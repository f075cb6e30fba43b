//! Rules in Suricata's language: text → AST → compiled set → candidates → matches.
