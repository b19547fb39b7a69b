package main

import (
	"os"
	"time"

	"github.com/cheggaaa/pb/v3"

	"github.com/antonpayments/anton/server/screening/lists"
)

// A progress shows on a terminal how far a list has come: its download, its reading, its test. Elsewhere it shows nothing.
type progress struct {
	out  *os.File
	name string
	step string
	bar  *pb.ProgressBar
}

func newProgress(out *os.File) *progress { return &progress{out: out} }

func (p *progress) begin(name string) { p.name = name }

// show starts a bar for a step, unless it is the one that runs. It counts bytes, or things.
func (p *progress) show(step string, total int64, bytes bool) {
	if !isTerminal(p.out) || p.step == step && p.bar != nil {
		return
	}
	p.end()
	p.step = step
	p.bar = pb.New64(max(total, 0)).SetTemplateString(`{{string . "what"}} {{counters . }} {{bar . }} {{speed . }}`).
		Set("what", p.name+": "+step).Set(pb.Bytes, bytes).SetWriter(p.out).SetRefreshRate(100 * time.Millisecond).Start()
}

func (p *progress) downloading(file string, done, total int64) {
	p.show("downloading "+file, total, true)
	if p.bar != nil {
		p.bar.SetCurrent(done)
	}
}

func (p *progress) reading(_ lists.Authority, read int) {
	p.show("reading", 0, true)
	if p.bar != nil {
		p.bar.Add(read)
	}
}

func (p *progress) testing(done, names int) {
	p.show("looking every name up", int64(names), false)
	if p.bar != nil {
		p.bar.SetCurrent(int64(done))
	}
}

// end leaves the bar as it is and goes to the next line.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar, p.step = nil, ""
	}
}
