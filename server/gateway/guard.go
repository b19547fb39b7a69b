package gateway

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/rules"
)

// guard refuses, before a generated handler runs, what that handler would let pass: path parameters that no id can be, query
// parameters of methods that read none, and a query that cannot be parsed. It tells the decoder which fields the path says, so that
// a body cannot say them too. Refusals go to fail; nothing else was done then.
func guard(fail func(http.ResponseWriter, *http.Request, error)) runtime.Middleware {
	reads := queryReaders()
	return func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
			pattern, _ := runtime.HTTPPattern(r.Context())
			readsQuery, ours := reads[route{r.Method, pattern.String()}]
			err := checkPath(r.URL, path)
			if err == nil && ours {
				err = checkQuery(r, readsQuery)
			}
			if err != nil {
				fail(w, r, err)
				return
			}
			if ours && r.Body != nil {
				r.Body = boundBody{r.Body, path}
			}
			next(w, r, path)
		}
	}
}

// A boundBody is a request's body that knows which fields the path has said already.
type boundBody struct {
	io.ReadCloser
	bound map[string]string
}

// checkPath refuses path parameters that no id can be and no database can look for. The mux routes by the decoded path, where an
// encoded slash looks like one that separates: such a path is not the one that was written. (Its other unescaping modes decode twice
// where Go's URL has no RawPath.)
func checkPath(u *url.URL, path map[string]string) error {
	if strings.Contains(strings.ToUpper(u.RawPath), "%2F") {
		return apierr.New(antonv1.ErrorCode_not_found, "There is no such path: no id has a slash in it.")
	}
	var p problems
	for _, name := range slices.Sorted(maps.Keys(path)) {
		p.enter(name)
		if value := path[name]; !utf8.ValidString(value) {
			p.note("must be percent-encoded UTF-8")
		} else if rules.Control(value, false) {
			p.note(noControl)
		}
		p.leave()
	}
	if len(p.refused) > 0 {
		return apierr.Invalid(p.refused...)
	}
	return nil
}

// checkQuery parses the query, once for the generated handler too: ParseForm keeps a Form that is there.
func checkQuery(r *http.Request, read bool) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		e := apierr.InvalidField("query", "must be name=value pairs joined by &, percent-encoded")
		e.Cause = fmt.Errorf("parse query: %w", err)
		return e
	}
	r.Form = values
	if read || len(values) == 0 {
		return nil
	}
	var p problems
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p.enter(name)
		p.note("is an unknown parameter: this method has none")
		p.leave()
	}
	return apierr.Invalid(p.refused...)
}

// A route is an HTTP method and a path pattern in the form of runtime.Pattern: `/v1/payouts/{id=*}`.
type route struct{ method, pattern string }

// queryReaders holds every REST route of the linked protos; the value tells whether its generated handler reads the query, which
// it does when fields are left that neither the path nor the body carries.
func queryReaders() map[route]bool {
	reads := map[route]bool{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				addRoutes(reads, methods.Get(j))
			}
		}
		return true
	})
	return reads
}

var pathVariable = regexp.MustCompile(`\{([a-z0-9_.]+)\}`)

func addRoutes(reads map[route]bool, method protoreflect.MethodDescriptor) {
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return
	}
	for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		verb, template := verbOf(binding)
		inPath := pathVariable.FindAllString(template, -1)
		left := method.Input().Fields().Len() - len(inPath)
		if binding.GetBody() != "" {
			left--
		}
		reads[route{verb, pathVariable.ReplaceAllString(template, "{$1=*}")}] = binding.GetBody() != "*" && left > 0
	}
}

func verbOf(rule *annotations.HttpRule) (verb, template string) {
	switch rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, rule.GetGet()
	case *annotations.HttpRule_Post:
		return http.MethodPost, rule.GetPost()
	case *annotations.HttpRule_Put:
		return http.MethodPut, rule.GetPut()
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, rule.GetPatch()
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, rule.GetDelete()
	}
	return rule.GetCustom().GetKind(), rule.GetCustom().GetPath()
}
