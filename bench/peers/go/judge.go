package main

import (
	"slices"
	"strings"
)

// maxRemembered bounds the number of remembered verdicts. istio-nats' table of short subjects begins with 8,192 slots.
const maxRemembered = 4096

type permission struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny"`
}

// judge checks subjects against the lists of one direction.
type judge struct {
	allow, deny [][]string
	remembered  map[string]verdict
}

func newJudge(lists permission) *judge {
	return &judge{allow: split(lists.Allow), deny: split(lists.Deny), remembered: map[string]verdict{}}
}

func split(patterns []string) [][]string {
	all := make([][]string, 0, len(patterns))
	for _, pattern := range patterns {
		// An entry may name a queue after a blank.
		subject, _, _ := strings.Cut(pattern, " ")
		all = append(all, strings.Split(subject, "."))
	}
	return all
}

func (j *judge) verdict(subject []byte) verdict {
	// The compiler does not allocate a string for this look-up.
	if known, ok := j.remembered[string(subject)]; ok {
		return known
	}
	key := string(subject)
	tokens := strings.Split(key, ".")
	decided := refused
	if !anyMatches(j.deny, tokens) && anyMatches(j.allow, tokens) {
		decided = allowed
	}
	if len(j.remembered) >= maxRemembered {
		clear(j.remembered)
	}
	j.remembered[key] = decided
	return decided
}

func anyMatches(patterns [][]string, tokens []string) bool {
	return slices.ContainsFunc(patterns, func(pattern []string) bool { return matches(pattern, tokens) })
}

func matches(pattern, tokens []string) bool {
	for i, part := range pattern {
		if i >= len(tokens) {
			return false
		}
		if part == ">" {
			return true
		}
		if part != "*" && part != tokens[i] {
			return false
		}
	}
	return len(pattern) == len(tokens)
}
