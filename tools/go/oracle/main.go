// Command oracle answers, for the tests that compare our code with nats-server's, what nats-server's own functions
// make of arbitrary bytes. It reads requests from stdin and answers on stdout, each a little-endian u32 length and
// as many bytes.
//
//	go run ./oracle quote     fmt's %q of the request, without the outer quotes
//	go run ./oracle headers   the request is a header block; the answer is JSON: what each reader finds in it
//
// The server's functions are not exported, so they are reached by go:linkname, which needs the empty empty.s.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	_ "unsafe" // for go:linkname

	_ "github.com/nats-io/nats-server/v2/server"
)

//go:linkname sliceHeader github.com/nats-io/nats-server/v2/server.sliceHeader
func sliceHeader(key string, hdr []byte) []byte

//go:linkname getRollup github.com/nats-io/nats-server/v2/server.getRollup
func getRollup(hdr []byte) string

//go:linkname genHeaderMapIfTraceHeadersPresent github.com/nats-io/nats-server/v2/server.genHeaderMapIfTraceHeadersPresent
func genHeaderMapIfTraceHeadersPresent(hdr []byte) (map[string][]string, bool)

func quote(request []byte) ([]byte, error) {
	// As the server does it: %q of a []byte.
	q := fmt.Sprintf("%q", request)
	return []byte(q[1 : len(q)-1]), nil
}

// What JetStream and MQTT take from a block with sliceHeader, by name; a name that is not there is not in the answer.
// Bytes, since a value need not be UTF-8.
var names = []string{
	"Nats-Schedule-Target", "Nats-Schedule-Source", "Nats-Scheduler", "Nats-Consumer-Stalled",
	"Nmqtt-Subject", "Nmqtt-Mapped", "Nats-Expected-Last-Subject-Sequence-Subject",
}

type found struct {
	Values    map[string][]byte `json:"values"`
	Rollup    string            `json:"rollup"`
	TraceDest []byte            `json:"traceDest"`
}

func headers(request []byte) ([]byte, error) {
	answer := found{Values: map[string][]byte{}, Rollup: getRollup(request)}
	for _, name := range names {
		if value := sliceHeader(name, request); value != nil {
			answer.Values[name] = value
		}
	}
	// initMsgTrace takes the destination from the first value, unless only `traceparent` asked for the trace.
	if all, external := genHeaderMapIfTraceHeadersPresent(request); !external && len(all["Nats-Trace-Dest"]) > 0 {
		answer.TraceDest = []byte(all["Nats-Trace-Dest"][0])
	}
	return json.Marshal(answer)
}

func serve(answer func([]byte) ([]byte, error), in io.Reader, out io.Writer) error {
	r, w := bufio.NewReaderSize(in, 1<<16), bufio.NewWriterSize(out, 1<<16)
	for {
		var n uint32
		if err := binary.Read(r, binary.LittleEndian, &n); errors.Is(err, io.EOF) {
			return w.Flush()
		} else if err != nil {
			return err
		}
		request := make([]byte, n)
		if _, err := io.ReadFull(r, request); err != nil {
			return err
		}
		bytes, err := answer(request)
		if err != nil {
			return err
		}
		if err := binary.Write(w, binary.LittleEndian, uint32(len(bytes))); err != nil {
			return err
		}
		if _, err := w.Write(bytes); err != nil {
			return err
		}
	}
}

func main() {
	answers := map[string]func([]byte) ([]byte, error){"quote": quote, "headers": headers}
	if len(os.Args) != 2 || answers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: oracle quote | headers")
		os.Exit(2)
	}
	if err := serve(answers[os.Args[1]], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}
