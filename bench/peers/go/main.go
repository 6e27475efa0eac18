// A small filter in Go that does the core of istio-nats' work, for the comparison in bench/peers/README.md. It reads
// the NATS protocol of both directions as the bytes pass, checks subjects against the lists of its configuration, and
// counts by verdict. It refuses nothing and knows no identity.
package main

import (
	"encoding/json"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

const tickMilliseconds = 500

func main() {}

func init() {
	proxywasm.SetVMContext(&vm{})
}

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext {
	return &plugin{}
}

// lists is the configuration: {"publish": {"allow": [...], "deny": [...]}, "subscribe": {...}}.
type lists struct {
	Publish   permission `json:"publish"`
	Subscribe permission `json:"subscribe"`
}

type plugin struct {
	types.DefaultPluginContext
	publish, subscribe *judge
	counters           counters
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	configuration, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		return types.OnPluginStartStatusFailed
	}
	var read lists
	if err := json.Unmarshal(configuration, &read); err != nil {
		proxywasm.LogCriticalf("the configuration cannot be read: %v", err)
		return types.OnPluginStartStatusFailed
	}
	p.publish, p.subscribe = newJudge(read.Publish), newJudge(read.Subscribe)
	p.counters.define()
	if err := proxywasm.SetTickPeriodMilliSeconds(tickMilliseconds); err != nil {
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) OnTick() {
	p.counters.flush()
}

func (p *plugin) NewTcpContext(uint32) types.TcpContext {
	return &connection{plugin: p}
}

type connection struct {
	types.DefaultTcpContext
	plugin   *plugin
	toServer stream
	toClient stream
}

func (c *connection) OnDownstreamData(size int, _ bool) types.Action {
	if from := c.toServer.passPayload(size); from < size {
		if data, err := proxywasm.GetDownstreamData(from, size-from); err == nil {
			c.toServer.read(data, c.plugin)
		}
	}
	return types.ActionContinue
}

func (c *connection) OnUpstreamData(size int, _ bool) types.Action {
	if from := c.toClient.passPayload(size); from < size {
		if data, err := proxywasm.GetUpstreamData(from, size-from); err == nil {
			c.toClient.read(data, c.plugin)
		}
	}
	return types.ActionContinue
}
