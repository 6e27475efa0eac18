// Package wait says how long tests wait.
package wait

import "time"

// Patience is how long anything may take before it counts as hung, on two slow cores that others use as well.
const Patience = 30 * time.Second
