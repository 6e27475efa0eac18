// Package wait says how long tests wait.
package wait

import (
	"net/http"
	"time"
)

// Patience is how long anything may take before it counts as hung, on two slow cores that others use as well.
const Patience = 30 * time.Second

// Until asks again and again until the answer is yes, for at most Patience, and says whether it was.
func Until(isSo func() bool) bool {
	return UntilWithin(Patience, isSo)
}

// UntilWithin is Until with another limit. The last look is behind it, so that what came while this process had no core
// counts.
func UntilWithin(limit time.Duration, isSo func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		isLast := time.Now().After(deadline)
		if isSo() {
			return true
		}
		if isLast {
			return false
		}
	}
}

// AnswersOK says whether a server answers that URL with 200 OK.
func AnswersOK(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
