// Command go does with nats.go what the end-to-end tests ask for, with one JSON object per line on stdin and stdout.
// ../remote.ts describes the form.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// call is one line of stdin: the name of a call, and the arguments of all calls.
type call struct {
	ID           int               `json:"id"`
	Call         string            `json:"call"`
	Connection   int               `json:"connection"`
	Subscription int               `json:"subscription"`
	Watch        int               `json:"watch"`
	Count        int               `json:"count"`
	URL          string            `json:"url"`
	User         string            `json:"user"`
	TLS          *tlsFiles         `json:"tls"`
	Timeout      int               `json:"timeout"`
	Wait         int               `json:"reconnect_wait"`
	Subject      string            `json:"subject"`
	Data         string            `json:"data"`
	Reply        string            `json:"reply"`
	Headers      map[string]string `json:"headers"`
	Queue        string            `json:"queue"`
	Answers      []string          `json:"answers"`
	Stream       string            `json:"stream"`
	Subjects     []string          `json:"subjects"`
	Deliver      string            `json:"deliver"`
	Bucket       string            `json:"bucket"`
	Key          string            `json:"key"`
	Value        string            `json:"value"`
}

// program holds the connections that the tests have opened, by number.
type program struct {
	mu          sync.Mutex
	connections []*connection
	stdout      *json.Encoder
}

func main() {
	p := &program{stdout: json.NewEncoder(os.Stdout)}
	p.stdout.SetEscapeHTML(false)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var c call
		if err := json.Unmarshal(line, &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go p.answer(c)
	}
}

func (p *program) answer(c call) {
	result, err := p.do(c)
	answer := map[string]any{"id": c.ID, "result": result}
	if err != nil {
		answer = map[string]any{"id": c.ID, "error": err.Error()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.stdout.Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (p *program) do(c call) (any, error) {
	if c.Call == "connect" {
		opened, err := open(c)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.connections = append(p.connections, opened)
		return len(p.connections) - 1, nil
	}

	p.mu.Lock()
	conn := p.connections[c.Connection]
	p.mu.Unlock()
	if do, known := calls[c.Call]; known {
		return do(conn, c)
	}
	return nil, fmt.Errorf("there is no call %q", c.Call)
}

var calls = map[string]func(*connection, call) (any, error){
	"publish":           (*connection).publish,
	"subscribe":         (*connection).subscribe,
	"take":              (*connection).take,
	"take_all":          (*connection).takeAll,
	"unsubscribe":       (*connection).unsubscribe,
	"request":           (*connection).request,
	"flush":             (*connection).flush,
	"errors":            (*connection).takeErrors,
	"reconnects":        (*connection).reconnects,
	"drain":             (*connection).drain,
	"close":             (*connection).close,
	"create_stream":     (*connection).createStream,
	"publish_to_stream": (*connection).publishToStream,
	"pull":              (*connection).pull,
	"push":              (*connection).push,
	"create_bucket":     (*connection).createBucket,
	"put_key":           (*connection).putKey,
	"get_key":           (*connection).getKey,
	"delete_key":        (*connection).deleteKey,
	"watch_keys":        (*connection).watchKeys,
	"take_changes":      (*connection).takeChanges,
}
