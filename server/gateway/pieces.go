package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/metadata"

	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
)

// pieceWithin is how long a client may take to read a piece of a file. The server's own limit is for a whole answer, which a long file
// would outlast.
const pieceWithin = 60 * time.Second

// pieces is a file that is sent while it is made: call.File over HTTP.
type pieces struct {
	w     http.ResponseWriter
	begun bool
}

// withPieces lets methods that answer with a file write it piece by piece.
func withPieces(w http.ResponseWriter, r *http.Request, m *contract.Method) *http.Request {
	if m == nil {
		return r
	}
	if _, file := m.NewReply().(*httpbody.HttpBody); !file {
		return r
	}
	return r.WithContext(call.WithFile(r.Context(), &pieces{w: w}))
}

// Open sets the headers, which are sent with the first piece.
func (p *pieces) Open(contentType, name string) io.Writer {
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	p.w.Header().Set("Content-Type", contentType)
	offerFile(p.w.Header(), metadata.Pairs("content-disposition", disposition))
	return p
}

func (p *pieces) Write(piece []byte) (int, error) {
	p.begun = true
	// Only tests have a writer without deadlines.
	_ = http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(pieceWithin))
	n, err := p.w.Write(piece)
	if err != nil {
		err = fmt.Errorf("send a piece: %w", errors.Join(context.Canceled, err)) // the client went away, which is no fault of ours
	}
	return n, err
}

// cutOff ends an answer of which pieces were sent and no more can come: whoever reads it must not take it for the whole.
func cutOff(r *http.Request) {
	if p, ok := call.FileOf(r.Context()).(*pieces); ok && p.begun {
		panic(http.ErrAbortHandler)
	}
}
