// Package contract reads from the protobuf descriptors what the server must know of each method: who may call it, whether it changes
// something, how REST reaches it. There is no second table: a method whose options are missing does not start.
package contract

import (
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
)

// Files are the files of the contract that hold services: the merchants' first, then the operators'.
var Files = []protoreflect.FileDescriptor{
	antonv1.File_anton_v1_balances_proto,
	antonv1.File_anton_v1_beneficiaries_proto,
	antonv1.File_anton_v1_payouts_proto,
	antonv1.File_anton_v1_events_proto,
	antonv1.File_anton_v1_webhooks_proto,
	antonv1.File_anton_v1_reference_proto,
	antonv1.File_anton_v1_transactions_proto,
	antonv1.File_anton_v1_accounts_proto,
	antonv1.File_anton_v1_api_keys_proto,
	antonv1.File_anton_v1_merchant_proto,
	antonv1.File_anton_v1_velocity_proto,
	antonv1.File_anton_v1_sandbox_proto,
	antonv1.File_anton_v1_rfis_proto,
	antonv1.File_anton_v1_documents_proto,
	antonv1.File_anton_v1_batches_proto,
	antonv1.File_anton_v1_engine_proto,
	antonv1.File_anton_v1_fx_proto,
	antonv1.File_anton_v1_pricing_proto,
	opsv1.File_anton_ops_v1_merchants_proto,
	opsv1.File_anton_ops_v1_operator_keys_proto,
	opsv1.File_anton_ops_v1_funding_accounts_proto,
	opsv1.File_anton_ops_v1_velocity_proto,
	opsv1.File_anton_ops_v1_audit_proto,
	opsv1.File_anton_ops_v1_ledger_proto,
	opsv1.File_anton_ops_v1_adjustments_proto,
	opsv1.File_anton_ops_v1_screening_proto,
	opsv1.File_anton_ops_v1_beneficiaries_proto,
	opsv1.File_anton_ops_v1_reviews_proto,
	opsv1.File_anton_ops_v1_rfis_proto,
	opsv1.File_anton_ops_v1_documents_proto,
	opsv1.File_anton_ops_v1_engine_proto,
	opsv1.File_anton_ops_v1_fx_proto,
	opsv1.File_anton_ops_v1_rails_proto,
	opsv1.File_anton_ops_v1_recalls_proto,
	opsv1.File_anton_ops_v1_rail_events_proto,
	opsv1.File_anton_ops_v1_pricing_proto,
}

// A Method is what the server knows of one RPC.
type Method struct {
	Name       string // "/anton.v1.PayoutsService/CreatePayout"
	Rule       *antonv1.Rule
	Example    *antonv1.Example
	ReadOnly   bool   // declared NO_SIDE_EFFECTS
	Creates    bool   // REST answers 201
	Verb       string // empty for a stream, which REST has not
	Path       string // "/v1/payouts/{id}"
	Streams    bool
	Descriptor protoreflect.MethodDescriptor
	NewReply   func() proto.Message
	// MaxMessage is the most bytes that a request over gRPC may have.
	MaxMessage int
}

// MaxMessage is the most bytes that a request may have, where its method does not hold a file.
const MaxMessage = 1 << 20

// ForOperators says whether only operators may call it.
func (m *Method) ForOperators() bool { return m.Rule.GetRole() != antonv1.OperatorRole_unspecified }

var methods = load()

// Lookup finds a method by its gRPC name; nil when it is none of ours.
func Lookup(name string) *Method { return methods[name] }

// Methods are all methods of one request and one answer, by name.
func Methods() []*Method { return those(false) }

// Streams are the methods that stream, over gRPC alone, by name.
func Streams() []*Method { return those(true) }

func those(stream bool) []*Method {
	var all []*Method
	for _, m := range methods {
		if m.Streams == stream {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *Method) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func load() map[string]*Method {
	all := map[string]*Method{}
	for _, file := range Files {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				m := method(service.Methods().Get(j))
				all[m.Name] = m
			}
		}
	}
	return all
}

// maxMessage is MaxMessage and the file that an operator's method takes, or the piece of one. Merchants send files in pieces only.
func maxMessage(d protoreflect.MethodDescriptor) int {
	most := MaxMessage
	if !strings.HasPrefix(string(d.FullName()), "anton.ops.") && !d.IsStreamingClient() {
		return most
	}
	for i := range d.Input().Fields().Len() {
		field := proto.GetExtension(d.Input().Fields().Get(i).Options(), validate.E_Field).(*validate.FieldRules)
		most = max(most, MaxMessage+int(field.GetBytes().GetMaxLen()))
	}
	return most
}

// method panics on a method that does not say who may call it or how: the server must not start with it.
func method(d protoreflect.MethodDescriptor) *Method {
	options := d.Options().(*descriptorpb.MethodOptions)
	m := &Method{
		Name:       fmt.Sprintf("/%s/%s", d.Parent().FullName(), d.Name()),
		Rule:       proto.GetExtension(options, antonv1.E_Rule).(*antonv1.Rule),
		Example:    proto.GetExtension(options, antonv1.E_Example).(*antonv1.Example),
		ReadOnly:   options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
		Creates:    strings.HasPrefix(string(d.Name()), "Create"),
		Descriptor: d,
		Streams:    d.IsStreamingServer() || d.IsStreamingClient(),
		MaxMessage: maxMessage(d),
	}
	if (m.Rule.GetScope() == "") == !m.ForOperators() {
		panic(m.Name + ": the rule must name either a scope or a role")
	}
	if !m.ReadOnly && m.Rule.GetAudit() == "" {
		panic(m.Name + ": a method that changes something must name its audit action")
	}
	if m.Rule.GetAudited() && (!m.ReadOnly || m.Rule.GetAudit() == "") {
		panic(m.Name + ": audited is for a method that only reads and names its audit action")
	}
	switch http := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule); pattern := http.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		m.Verb, m.Path = "GET", pattern.Get
	case *annotations.HttpRule_Post:
		m.Verb, m.Path = "POST", pattern.Post
	case *annotations.HttpRule_Patch:
		m.Verb, m.Path = "PATCH", pattern.Patch
	case *annotations.HttpRule_Delete:
		m.Verb, m.Path = "DELETE", pattern.Delete
	default:
		if !m.Streams {
			panic(m.Name + ": no HTTP binding")
		}
	}
	reply, err := protoregistry.GlobalTypes.FindMessageByName(d.Output().FullName())
	if err != nil {
		panic(fmt.Sprintf("%s: %v", m.Name, err))
	}
	m.NewReply = func() proto.Message { return reply.New().Interface() }
	return m
}
