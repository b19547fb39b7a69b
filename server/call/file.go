package call

import (
	"context"
	"io"
)

// A File is a REST answer that is a file too long to be held in memory: the handler opens it once it knows that it can give one, and
// writes it piece by piece. An error before the first piece is answered like any other; after it, the connection is cut.
type File interface {
	Open(contentType, name string) io.Writer
}

type fileKey struct{}

// WithFile is for the REST gateway.
func WithFile(ctx context.Context, f File) context.Context {
	return context.WithValue(ctx, fileKey{}, f)
}

// FileOf is where the call's answer can be written to piece by piece; nil over gRPC, where a method streams or answers in one message.
func FileOf(ctx context.Context) File {
	f, _ := ctx.Value(fileKey{}).(File)
	return f
}
