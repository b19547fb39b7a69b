package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/payouts"
)

type railsRecallsCommand struct {
	railSettings
	All  bool `help:"Those that ended too."`
	JSON bool `name:"json" help:"Print the recalls as JSON, one a line."`
}

// Run lists recalls, newest first, from the same service that operators ask.
func (c *railsRecallsCommand) Run(ctx context.Context) error {
	return c.on(ctx, func(server *assembly.Server) error {
		return listRecalls(ctx, os.Stdout, server, c.All, c.JSON)
	})
}

func listRecalls(ctx context.Context, out io.Writer, server *assembly.Server, all, asJSON bool) error {
	service := &payouts.Recalls{Rails: server.Worker.Rails, Clock: server.Runner.Now}
	ctx = call.WithReads(ctx, db.New(server.Runner.Pool))
	most := int32(100)
	req := &opsv1.ListRecallsRequest{Limit: &most}
	if !all {
		open := true
		req.Open = &open
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "RECALL\tPAYOUT\tAMOUNT\tREASON\tSTATUS\tANSWER\tFOR")
	}
	for {
		page, err := service.ListRecalls(ctx, req)
		if err != nil {
			return err
		}
		for _, r := range page.GetData() {
			if asJSON {
				fmt.Fprintln(w, protojson.MarshalOptions{UseProtoNames: true}.Format(r))
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\n", r.GetId(), r.GetPayoutId(), r.GetAmount(), r.GetCurrency(), r.GetReasonCode(), r.GetStatus(),
				r.GetAnswerCode(), (time.Duration(r.GetAgeSeconds()) * time.Second).String())
		}
		if !page.GetHasMore() || ctx.Err() != nil {
			break
		}
		req.Cursor = page.GetNextCursor()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.Flush()
}
