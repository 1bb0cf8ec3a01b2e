// Package config reads driftd's one YAML file.
//
// It is strict: an unknown key, a value of the wrong type or a contradiction is a mistake, all mistakes of a file are told
// at once, and each says its line, the value and the mend. Nothing is guessed and nothing is ignored.
//
// What belongs here: keys, their defaults and their checks (table.go is the one list of keys; docs/CONFIG.md is made from
// it). What does not: reaching brokers, opening files other than the config and secrets.
package config
