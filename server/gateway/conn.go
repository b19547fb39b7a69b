package gateway

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Conn is a gRPC connection that ends in this very process: calls go through the interceptors to the services without a socket, a
// transport or an encoding. It costs half of what a connection over memory does and bypasses nothing. It has unary calls only.
type Conn struct {
	chain    grpc.UnaryServerInterceptor
	handlers map[string]handler
}

type handler struct {
	service any
	call    grpc.MethodHandler
}

// NewConn makes a connection to services that are then registered on it.
func NewConn(chain grpc.UnaryServerInterceptor) *Conn {
	return &Conn{chain: chain, handlers: map[string]handler{}}
}

// RegisterService makes Conn a grpc.ServiceRegistrar, like the server it stands beside.
func (c *Conn) RegisterService(d *grpc.ServiceDesc, service any) {
	for _, m := range d.Methods {
		c.handlers["/"+d.ServiceName+"/"+m.MethodName] = handler{service, m.Handler}
	}
}

// Invoke calls the method. Errors come back as they are: an *apierr.Error stays one.
func (c *Conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	h, ok := c.handlers[method]
	if !ok {
		return status.Error(codes.Unimplemented, method)
	}
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	stream := &headers{method: method}
	ctx = grpc.NewContextWithServerTransportStream(metadata.NewIncomingContext(ctx, outgoing), stream)
	out, err := h.call(h.service, ctx, func(in any) error {
		proto.Merge(in.(proto.Message), args.(proto.Message))
		return nil
	}, c.chain)
	for _, o := range opts {
		if o, ok := o.(grpc.HeaderCallOption); ok {
			*o.HeaderAddr = stream.header
		}
	}
	if err != nil {
		return err
	}
	proto.Merge(reply.(proto.Message), out.(proto.Message))
	return nil
}

// NewStream is not supported: streams go over gRPC.
func (c *Conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "the REST gateway has no streams")
}

// headers collects what the interceptors set with grpc.SetHeader.
type headers struct {
	method string
	header metadata.MD
}

func (h *headers) Method() string { return h.method }

func (h *headers) SetHeader(md metadata.MD) error {
	h.header = metadata.Join(h.header, md)
	return nil
}

func (h *headers) SendHeader(md metadata.MD) error { return h.SetHeader(md) }

func (h *headers) SetTrailer(metadata.MD) error { return nil }
