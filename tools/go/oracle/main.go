// Command oracle runs nats-server's own functions on arbitrary bytes, for the tests that compare our code with
// nats-server's. It reads requests from stdin and answers on stdout. Each is a little-endian u32 length, followed by
// that many bytes.
//
//	go run ./oracle quote     fmt's %q of the request, without the outer quotes
//	go run ./oracle headers   the request is a header block; the answer is JSON: what each reader finds in it, and what
//	                          they find in what JetStream makes of it before it stores it or hands it out
//
// The server's functions are not exported, so go:linkname reaches them. It needs the empty empty.s.
package main

import (
	"bufio"
	"bytes"
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

//go:linkname removeHeaderStatusIfPresent github.com/nats-io/nats-server/v2/server.removeHeaderStatusIfPresent
func removeHeaderStatusIfPresent(hdr []byte) []byte

//go:linkname removeHeaderIfPresent github.com/nats-io/nats-server/v2/server.removeHeaderIfPresent
func removeHeaderIfPresent(hdr []byte, key string) []byte

//go:linkname removeHeaderIfPrefixPresent github.com/nats-io/nats-server/v2/server.removeHeaderIfPrefixPresent
func removeHeaderIfPrefixPresent(hdr []byte, prefix string) []byte

//go:linkname genHeader github.com/nats-io/nats-server/v2/server.genHeader
func genHeader(hdr []byte, key, value string) []byte

func quote(request []byte) ([]byte, error) {
	// nats-server does it in the same way: %q of a []byte.
	q := fmt.Sprintf("%q", request)
	return []byte(q[1 : len(q)-1]), nil
}

// What JetStream and MQTT take from a block with sliceHeader, by name. A name that is absent from the block is absent
// from the answer. Values are bytes, because they need not be UTF-8.
var names = []string{
	"Nats-Schedule-Target", "Nats-Schedule-Source", "Nats-Scheduler", "Nats-Consumer-Stalled",
	"Nmqtt-Subject", "Nmqtt-Mapped",
}

type found struct {
	Values    map[string][]byte `json:"values"`
	Rollup    string            `json:"rollup"`
	TraceDest []byte            `json:"traceDest"`
}

type findings struct {
	found
	// Once the message has been stored, and once it has been handed out or scheduled.
	Later []found `json:"later"`
}

func headers(request []byte) ([]byte, error) {
	answer := findings{found: find(request)}
	for _, later := range made(request) {
		answer.Later = append(answer.Later, find(later))
	}
	return json.Marshal(answer)
}

// What JetStream makes of a header block. The functions that take something away do so in place.
func made(request []byte) [][]byte {
	// stream.go processInboundJetStreamMsg and processJetStreamMsgWithBatch
	stored := removeHeaderIfPresent(removeHeaderStatusIfPresent(bytes.Clone(request)), "Nats-Request-Info")
	// stream.go getDirectRequest; the same is done with a TTL that is too short
	handedOut := genHeader(bytes.Clone(stored), "Nats-Stream", "S")
	// The same for a schedule, and then scheduler.go getScheduledMessages
	schedule := bytes.Clone(stored)
	if getRollup(schedule) == "" {
		schedule = genHeader(schedule, "Nats-Rollup", "sub")
	}
	scheduled := bytes.Clone(schedule)
	for _, prefix := range []string{"Nats-Schedule", "Nats-Expected-"} {
		scheduled = removeHeaderIfPrefixPresent(scheduled, prefix)
	}
	for _, name := range []string{"Nats-Msg-Id", "Nats-TTL", "Nats-Rollup"} {
		scheduled = removeHeaderIfPresent(scheduled, name)
	}
	return [][]byte{stored, handedOut, schedule, genHeader(scheduled, "Nats-Schedule-Next", "purge")}
}

func find(request []byte) found {
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
	return answer
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
		said, err := answer(request)
		if err != nil {
			return err
		}
		if err := binary.Write(w, binary.LittleEndian, uint32(len(said))); err != nil {
			return err
		}
		if _, err := w.Write(said); err != nil {
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
