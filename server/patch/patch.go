// Package patch reads which fields of an object a request changes. A field is left, set or cleared: it is left when the request's
// update_mask does not name it, set when the mask names it and the request has it, cleared when the mask names it and the request has
// not. REST fills the mask from the names in the body (server/gateway); over gRPC the caller does.
//
// It changes nothing itself. The invariant: what it says is changed are fields of the request, never its id nor the mask.
package patch

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/antonpayments/anton/server/apierr"
)

// A Request is what every PATCH request has: an `id`, an `update_mask`, and the fields that can change.
type Request interface {
	proto.Message
	GetUpdateMask() *fieldmaskpb.FieldMask
}

// Changes are the names of the fields that change.
type Changes map[string]bool

// Of reads what the request changes. Without a mask, which only gRPC can leave out, it is what the request has. A mask that names
// anything else than the request's own fields is a validation_error.
func Of(req Request) (Changes, error) {
	m := req.ProtoReflect()
	changes := Changes{}
	paths := req.GetUpdateMask().GetPaths()
	for _, path := range paths {
		if !slices.Contains(changeable(m.Descriptor()), path) {
			return nil, apierr.InvalidField("update_mask", "may only name %s", strings.Join(changeable(m.Descriptor()), ", "))
		}
		changes[path] = true
	}
	if len(paths) == 0 {
		for _, name := range changeable(m.Descriptor()) {
			if m.Has(m.Descriptor().Fields().ByName(protoreflect.Name(name))) {
				changes[name] = true
			}
		}
	}
	return changes, nil
}

// changeable names the fields that a request of the kind can change, in the contract's order.
func changeable(d protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range d.Fields().Len() {
		if name := string(d.Fields().Get(i).Name()); name != "id" && name != "update_mask" {
			names = append(names, name)
		}
	}
	return names
}

// Set puts the value into the field when the changes name it.
func Set[T any](c Changes, name string, field *T, value T) {
	if c[name] {
		*field = value
	}
}
