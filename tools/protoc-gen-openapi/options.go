package main

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// options reads the options of anton/v1/options.proto. It takes their definition from the request and not from our generated Go code,
// because that code is written by the same run: the plugin would not compile in a tree without it.
type options struct {
	types *dynamicpb.Types
}

// A rule is anton.v1.Rule.
type rule struct {
	Scope                  string `json:"scope"`
	Role                   string `json:"role"`
	IdempotencyKeyRequired bool   `json:"idempotency_key_required"`
	SandboxOnly            bool   `json:"sandbox_only"`
}

// An example is anton.v1.Example.
type example struct {
	Request        string `json:"request"`
	Response       string `json:"response"`
	IdempotencyKey string `json:"idempotency_key"`
}

// An errorStatus is anton.v1.ErrorStatus.
type errorStatus struct {
	HTTP int    `json:"http"`
	GRPC string `json:"grpc"`
}

func newOptions(gen *protogen.Plugin) (*options, error) {
	files, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: gen.Request.GetProtoFile()})
	if err != nil {
		return nil, err
	}
	return &options{types: dynamicpb.NewTypes(files)}, nil
}

// message fills out with the option anton.v1.NAME, which must be a message, and tells whether the option is there.
func (o *options) message(of proto.Message, name protoreflect.Name, out any) (bool, error) {
	value, ok, err := o.value(of, name)
	if err != nil || !ok {
		return false, err
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(value.Message().Interface())
	if err != nil {
		return false, fmt.Errorf("option %s: %w", name, err)
	}
	return true, json.Unmarshal(text, out)
}

// value gives the option anton.v1.NAME, where it is set.
func (o *options) value(of proto.Message, name protoreflect.Name) (protoreflect.Value, bool, error) {
	extension, err := o.types.FindExtensionByName(protoreflect.FullName("anton.v1").Append(name))
	if err != nil {
		return protoreflect.Value{}, false, fmt.Errorf("option %s: %w", name, err)
	}
	// The request was decoded without knowing the extension; decoding its bytes again finds it.
	raw, err := proto.Marshal(of)
	if err != nil {
		return protoreflect.Value{}, false, fmt.Errorf("option %s: %w", name, err)
	}
	known := of.ProtoReflect().New().Interface()
	if err := (proto.UnmarshalOptions{Resolver: o.types}).Unmarshal(raw, known); err != nil {
		return protoreflect.Value{}, false, fmt.Errorf("option %s: %w", name, err)
	}
	// Not proto.HasExtension, which wants the extension and the message to come from one registry.
	if !known.ProtoReflect().Has(extension.TypeDescriptor()) {
		return protoreflect.Value{}, false, nil
	}
	return known.ProtoReflect().Get(extension.TypeDescriptor()), true, nil
}
