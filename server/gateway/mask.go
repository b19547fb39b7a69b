package gateway

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const maskName = "google.protobuf.FieldMask"

// isMask tells the field of a PATCH request that names the fields to change. A body cannot say it: the names in the body are it.
func isMask(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == maskName
}

// fillMask writes the names that a body has into the request's mask, where it has one. That is how REST says the three things that
// gRPC says with a mask: a name that is not there leaves the field, a value sets it, null clears it. The names are sorted, so that the
// same change is the same request in whatever order it was written.
func fillMask(m protoreflect.Message, names []string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !isMask(fd) || len(names) == 0 {
			continue
		}
		mask := m.Mutable(fd).Message()
		paths := mask.Mutable(mask.Descriptor().Fields().ByName("paths")).List()
		for _, name := range slices.Sorted(slices.Values(names)) {
			paths.Append(protoreflect.ValueOfString(name))
		}
	}
}
