package faults

import "time"

// OutputPhases are what an output meets.
func OutputPhases() []Phase {
	return []Phase{
		{"few faults", 6, 2 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.03}) }},
		{"many faults", 6, 3 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.4}) }},
		{"hardly an answer", 2, time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.95}) }},
		{"slow", 2, 2 * time.Second, func(s *Schedule) func() {
			return s.set(conditions{faultRate: 0.1, delayAll: time.Duration(20+s.Random.IntN(280)) * time.Millisecond})
		}},
		{"small bodies only", 3, 3 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.25, smallBodies: true}) }},
		{"dead endpoint", 1, time.Second, func(s *Schedule) func() { return s.set(conditions{hang: true}) }},
		{"missing logstore", 2, 2 * time.Second, func(s *Schedule) func() {
			return s.set(conditions{faultRate: 0.05, missing: s.logstore()})
		}},
		{"quota", 3, 3 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.05, quota: s.logstore()}) }},
		{"network cut", 3, 1500 * time.Millisecond, (*Schedule).cut},
		{"clock", 3, 2 * time.Second, (*Schedule).moveClock},
		{"keys expired", 2, 1500 * time.Millisecond, (*Schedule).expireKeys},
		{"key removed", 1, 1500 * time.Millisecond, (*Schedule).removeKeys},
		{"split", 3, 0, (*Schedule).split},
		{"merge", 2, 0, (*Schedule).merge},
	}
}

// Splits are phases that make splits and merges as frequent as all other phases together.
func Splits() []Phase {
	return []Phase{
		{"split", 16, 0, (*Schedule).split},
		{"merge", 16, 0, (*Schedule).merge},
	}
}

// FewFaults are phases in which most calls get through.
func FewFaults() []Phase {
	return []Phase{
		{"few faults", 8, 2 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.02}) }},
		{"network cut", 1, 500 * time.Millisecond, (*Schedule).cut},
		{"split", 1, 0, (*Schedule).split},
		{"merge", 1, 0, (*Schedule).merge},
	}
}

// InputPhases are what an input meets. What takes the endpoint away may last
// longer than a lease.
func InputPhases() []Phase {
	return []Phase{
		{"few faults", 14, 4 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.02}) }},
		{"many faults", 6, 3 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.3}) }},
		{"hardly an answer", 1, 4 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.9}) }},
		{"slow", 3, 3 * time.Second, func(s *Schedule) func() {
			return s.set(conditions{faultRate: 0.05, delayAll: time.Duration(20+s.Random.IntN(280)) * time.Millisecond})
		}},
		{"quota", 2, 3 * time.Second, func(s *Schedule) func() { return s.set(conditions{faultRate: 0.05, quota: s.logstore()}) }},
		{"dead endpoint", 1, 9 * time.Second, func(s *Schedule) func() { return s.set(conditions{hang: true}) }},
		{"network cut", 1, 8 * time.Second, unreachable((*Schedule).cut)},
		{"clock", 3, 2 * time.Second, (*Schedule).moveClock},
		{"keys expired", 2, 3 * time.Second, unreachable((*Schedule).expireKeys)},
		{"key removed", 1, 2 * time.Second, unreachable((*Schedule).removeKeys)},
		{"split", 3, 0, (*Schedule).split},
		{"merge", 3, 0, (*Schedule).merge},
	}
}
