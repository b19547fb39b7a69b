package main

import (
	"os"
	"time"

	"github.com/cheggaaa/pb/v3"

	"github.com/antonpayments/anton/server/screening/lists"
)

// A progress shows on a terminal how far a list has come, first its download and then its reading. Elsewhere it shows nothing.
type progress struct {
	out  *os.File
	name string
	step string
	bar  *pb.ProgressBar
}

func newProgress(out *os.File) *progress { return &progress{out: out} }

func (p *progress) begin(name string) { p.name = name }

// show starts a bar for a step, unless it is the one that runs.
func (p *progress) show(step string, total int64) {
	if !isTerminal(p.out) || p.step == step && p.bar != nil {
		return
	}
	p.end()
	p.step = step
	p.bar = pb.New64(max(total, 0)).SetTemplateString(`{{string . "what"}} {{counters . }} {{bar . }} {{speed . }}`).
		Set("what", p.name+": "+step).Set(pb.Bytes, true).SetWriter(p.out).SetRefreshRate(100 * time.Millisecond).Start()
}

func (p *progress) downloading(file string, done, total int64) {
	p.show("downloading "+file, total)
	if p.bar != nil {
		p.bar.SetCurrent(done)
	}
}

func (p *progress) reading(_ lists.Authority, read int) {
	p.show("reading", 0)
	if p.bar != nil {
		p.bar.Add(read)
	}
}

// end leaves the bar as it is and goes to the next line.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar, p.step = nil, ""
	}
}
