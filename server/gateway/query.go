package gateway

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/antonpayments/anton/server/apierr"
)

// A QueryParser fills requests from query parameters: runtime.QueryParameterParser for the generated handlers. It takes the
// request's own fields, by their names: strings, whole numbers, true or false, enum words, times, and lists of those by repetition.
// It refuses all else, every parameter at once.
type QueryParser struct{}

var _ runtime.QueryParameterParser = QueryParser{}

// The generated handlers know one parser in the whole process, in a variable without a lock. So it is set before anything can run,
// and never with a mux: two muxes made at once would race.
func init() { runtime.SetQueryParameterParser(QueryParser{})(nil) }

// Parse reads the parameters into msg. Those that the filter names are in the path and cannot be set here. The error is a
// validation_error in the chain.
func (QueryParser) Parse(msg proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	m := msg.ProtoReflect()
	known := m.Descriptor().Fields()
	var p problems
	isParameter := func(fd protoreflect.FieldDescriptor) bool { return inQuery(fd) && !inPath(filter, fd) }
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if p.full() {
			break
		}
		p.enter(name)
		switch fd := known.ByName(protoreflect.Name(name)); {
		case fd != nil && inPath(filter, fd):
			p.note("is an unknown parameter: it is part of the path")
		case fd == nil || !inQuery(fd):
			p.note("is an unknown parameter%s", didYouMean(name, known, isParameter))
		default:
			p.parameter(m, fd, values[name])
		}
		p.leave()
	}
	if len(p.refused) > 0 {
		return carry(apierr.From(p.refusal(msg, nil)))
	}
	return nil
}

// inQuery tells whether a field can be a parameter: whether its values are written as one word of text.
func inQuery(fd protoreflect.FieldDescriptor) bool {
	form := formOf(fd)
	return !fd.IsMap() && form != anObject && form != unreadable
}

func inPath(filter *utilities.DoubleArray, fd protoreflect.FieldDescriptor) bool {
	return filter.HasCommonPrefix([]string{string(fd.Name())})
}

// parameter sets a field of m to the values of one parameter, or notes what is wrong with them.
func (p *problems) parameter(m protoreflect.Message, fd protoreflect.FieldDescriptor, values []string) {
	if fd.IsList() {
		list := m.Mutable(fd).List()
		for i, text := range values {
			p.enterItem(i)
			if v, ok := p.one(fd, text); ok {
				list.Append(v)
			}
			p.leave()
		}
		return
	}
	if other := rival(m, fd); other != nil {
		p.note("must not be sent together with %s", other.Name())
	} else if len(values) != 1 {
		p.note("must be given once only")
	} else if v, ok := p.one(fd, values[0]); ok {
		m.Set(fd, v)
	}
}

// one reads one value. An empty one is refused: a filter that someone forgot to fill must not select everything.
func (p *problems) one(fd protoreflect.FieldDescriptor, text string) (v protoreflect.Value, ok bool) {
	switch {
	case text == "":
		p.note("must not be empty; leave the parameter out instead")
		return v, false
	case !utf8.ValidString(text):
		p.note("must be percent-encoded UTF-8")
		return v, false
	}
	v, problem := fromText(fd, text)
	if problem != "" {
		if fd.Kind() == protoreflect.MessageKind && strings.Contains(text, " ") {
			problem += "; a + of the zone is written %2B in a query"
		}
		p.note("%s", problem)
		return v, false
	}
	return v, true
}
