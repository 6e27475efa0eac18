package main

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

type operation int

const (
	pub operation = iota
	hpub
	sub
	unsub
	msg
	hmsg
	operations
)

var operationNames = [operations]string{"PUB", "HPUB", "SUB", "UNSUB", "MSG", "HMSG"}

type verdict int

const (
	allowed verdict = iota
	refused
	verdicts
)

var verdictNames = [verdicts]string{"allowed", "refused"}

type counter struct {
	messages, bytes             uint64
	messagesMetric, bytesMetric proxywasm.MetricCounter
}

// counters add up here and go to the host on the tick.
type counters [operations][verdicts]counter

func (c *counters) define() {
	for o := range operations {
		for v := range verdicts {
			name := "peer.operation." + operationNames[o] + ".verdict." + verdictNames[v]
			c[o][v].messagesMetric = proxywasm.DefineCounterMetric(name + ".messages_total")
			c[o][v].bytesMetric = proxywasm.DefineCounterMetric(name + ".bytes_total")
		}
	}
}

func (c *counters) count(o operation, v verdict, size int) {
	counted := &c[o][v]
	counted.messages++
	counted.bytes += uint64(size)
}

func (c *counters) flush() {
	for o := range c {
		for v := range c[o] {
			counted := &c[o][v]
			if counted.messages > 0 {
				counted.messagesMetric.Increment(counted.messages)
				counted.messages = 0
			}
			if counted.bytes > 0 {
				counted.bytesMetric.Increment(counted.bytes)
				counted.bytes = 0
			}
		}
	}
}
