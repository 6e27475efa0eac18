// Command load makes the work that bench/main.ts measures, the same for every setup. It reads commands from stdin, one
// JSON object per line, and answers each with one line. It connects before the clock starts, and it reads the CPU time
// of the watched processes when it reads the clock. So no figure includes a handshake or a start-up.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Command is one piece of work.
type Command struct {
	Work string `json:"work"`
	// Target is the setup under measurement. Origin is nats-server itself, for what must not be measured.
	Target Target `json:"target"`
	Origin Target `json:"origin"`
	// Subjects are published to in turn, or, if AtRandom is set, in a random order. Each gets equally many (makeBlock).
	Subjects []string `json:"subjects"`
	AtRandom bool     `json:"atRandom"`
	// Size is the size of all payloads, or the largest size if LeastSize is given.
	Size      int `json:"size"`
	LeastSize int `json:"leastSize"`
	Messages  int `json:"messages"`
	// Each of the Subscribers subscribes to Subscribe, in the queue group Queue if there is one.
	Subscribers int    `json:"subscribers"`
	Subscribe   string `json:"subscribe"`
	Queue       string `json:"queue"`
	// Expect is how many messages must arrive, summed over all subscribers. More or fewer is an error.
	Expect int `json:"expect"`
	// Refused is how many publishes must be answered with a permissions violation.
	Refused int `json:"refused"`
	// Patience is how many seconds each part of the work may take before the work counts as hung: to prepare it, to do it, and
	// to check what has arrived.
	Patience float64 `json:"patience"`
	// Watch lists the processes whose CPU time is to be measured.
	Watch []int `json:"watch"`
}

// sizes is the range of payload sizes of publishes and deliveries.
func (c *Command) sizes() spread {
	if c.LeastSize == 0 {
		return spread{c.Size, c.Size}
	}
	return spread{c.LeastSize, c.Size}
}

// Result is what a piece of work took, in nanoseconds.
type Result struct {
	Elapsed int64 `json:"elapsed"`
	// CPU has one entry per process, in the order of Command.Watch. Own is for this process.
	CPU []int64 `json:"cpu"`
	Own int64   `json:"own"`
	// Latencies are those of requests, sorted. Other work has none.
	Latencies []int64 `json:"latencies,omitempty"`
	Error     string  `json:"error,omitempty"`
}

// patience is how long a part of a piece of work may take before it counts as hung, such as a request.
const patience = 60 * time.Second

// piece is work that is ready to start.
type piece struct {
	timed func() error
	// finish checks what has arrived, and closes the connections.
	finish func() error
	// latencies are set once finish has returned.
	latencies []int64
}

var works = map[string]func(*Command) (*piece, error){
	"publish":           preparePublish,
	"deliver":           prepareDeliver,
	"request":           prepareRequest,
	"jetstream-publish": prepareJetStreamPublish,
	"jetstream-pull":    prepareJetStreamPull,
}

// errHung is of a part that nobody waits for any more. It goes on, so this process must not be given other work.
var errHung = errors.New("did not end")

// within does a part of the work, unless that takes longer than it may.
func within(command *Command, part func() error) error {
	done := make(chan error, 1)
	go func() { done <- part() }()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Duration(command.Patience * float64(time.Second))):
		return fmt.Errorf("%s %w within %v s", command.Work, errHung, command.Patience)
	}
}

func do(command *Command) (*Result, error) {
	prepare, known := works[command.Work]
	if !known {
		return nil, fmt.Errorf("there is no work %q", command.Work)
	}
	var work *piece
	if err := within(command, func() (err error) { work, err = prepare(command); return }); err != nil {
		return nil, err
	}
	before, err := readAll(command.Watch)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = within(command, work.timed)
	elapsed := time.Since(began)
	after, failed := readAll(command.Watch)
	// What has failed may have its cause among what has arrived.
	if !errors.Is(err, errHung) {
		err = errors.Join(err, failed, within(command, work.finish))
	}
	if err != nil {
		return nil, err
	}
	result := &Result{Elapsed: int64(elapsed), CPU: make([]int64, len(command.Watch)), Latencies: work.latencies}
	for i := range result.CPU {
		result.CPU[i] = after[i] - before[i]
	}
	result.Own = after[len(command.Watch)] - before[len(command.Watch)]
	return result, nil
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var command Command
		err := json.Unmarshal(in.Bytes(), &command)
		var result *Result
		if err == nil {
			result, err = do(&command)
		}
		if err != nil {
			result = &Result{Error: err.Error()}
		}
		if err := out.Encode(result); err != nil {
			os.Exit(1)
		}
	}
}
