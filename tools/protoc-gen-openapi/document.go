package main

import (
	"bytes"
	"encoding/json"
)

// The types below are the parts of OpenAPI 3.1 that the documents use, in the order in which a reader wants to meet them.

type document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       info                             `json:"info"`
	Servers    []server                         `json:"servers"`
	Tags       []tag                            `json:"tags"`
	Paths      object[*object[*operationEntry]] `json:"paths"`
	Components components                       `json:"components"`
}

type info struct {
	Title       string  `json:"title"`
	Version     string  `json:"version"`
	Description string  `json:"description"`
	Contact     contact `json:"contact"`
	License     license `json:"license"`
}

type contact struct {
	Name string `json:"name"`
}

type license struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier"`
}

type server struct {
	URL         string `json:"url"`
	Description string `json:"description"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type operationEntry struct {
	OperationID string                `json:"operationId"`
	Tags        []string              `json:"tags"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	Scope       string                `json:"x-anton-scope,omitempty"`
	Role        string                `json:"x-anton-role,omitempty"`
	Security    []map[string][]string `json:"security"`
	Parameters  []*parameter          `json:"parameters,omitempty"`
	RequestBody *requestBody          `json:"requestBody,omitempty"`
	Responses   object[*response]     `json:"responses"`
}

type parameter struct {
	Name        string          `json:"name"`
	In          string          `json:"in"`
	Required    bool            `json:"required,omitempty"`
	Description string          `json:"description"`
	Schema      *schema         `json:"schema"`
	Example     json.RawMessage `json:"example,omitempty"`
}

type requestBody struct {
	Required bool           `json:"required,omitempty"`
	Content  object[*media] `json:"content"`
}

type media struct {
	Schema   *schema               `json:"schema"`
	Example  json.RawMessage       `json:"example,omitempty"`
	Examples object[*namedExample] `json:"examples,omitempty"`
}

type namedExample struct {
	Summary string          `json:"summary"`
	Value   json.RawMessage `json:"value"`
}

type response struct {
	Ref         string          `json:"$ref,omitempty"`
	Description string          `json:"description,omitempty"`
	Headers     object[*header] `json:"headers,omitempty"`
	Content     object[*media]  `json:"content,omitempty"`
}

type header struct {
	Ref         string  `json:"$ref,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *schema `json:"schema,omitempty"`
	Example     any     `json:"example,omitempty"`
}

type components struct {
	SecuritySchemes map[string]*securityScheme `json:"securitySchemes"`
	Headers         map[string]*header         `json:"headers"`
	Responses       map[string]*response       `json:"responses"`
	Schemas         map[string]*schema         `json:"schemas"`
}

type securityScheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme"`
	Description string `json:"description"`
}

// A schema is the part of JSON Schema 2020-12 that our messages need.
type schema struct {
	Ref         string    `json:"$ref,omitempty"`
	Type        any       `json:"type,omitempty"` // a string, or two where null is allowed
	Description string    `json:"description,omitempty"`
	Format      string    `json:"format,omitempty"`
	AnyOf       []*schema `json:"anyOf,omitempty"`

	Enum      []any   `json:"enum,omitempty"`
	Const     any     `json:"const,omitempty"`
	Pattern   string  `json:"pattern,omitempty"`
	MinLength *uint64 `json:"minLength,omitempty"`
	MaxLength *uint64 `json:"maxLength,omitempty"`

	Minimum          any `json:"minimum,omitempty"`
	ExclusiveMinimum any `json:"exclusiveMinimum,omitempty"`
	Maximum          any `json:"maximum,omitempty"`
	ExclusiveMaximum any `json:"exclusiveMaximum,omitempty"`

	Items       *schema `json:"items,omitempty"`
	MinItems    *uint64 `json:"minItems,omitempty"`
	MaxItems    *uint64 `json:"maxItems,omitempty"`
	UniqueItems bool    `json:"uniqueItems,omitempty"`

	Properties           object[*schema] `json:"properties,omitempty"`
	Required             []string        `json:"required,omitempty"`
	PropertyNames        *schema         `json:"propertyNames,omitempty"`
	AdditionalProperties any             `json:"additionalProperties,omitempty"` // a *schema, or false
	MinProperties        *uint64         `json:"minProperties,omitempty"`
	MaxProperties        *uint64         `json:"maxProperties,omitempty"`

	WriteOnly bool `json:"writeOnly,omitempty"`
	Sensitive bool `json:"x-anton-sensitive,omitempty"`
}

// An object is a JSON object whose members stay in the order in which they were added.
type object[V any] []member[V]

type member[V any] struct {
	name  string
	value V
}

func (o *object[V]) add(name string, value V) { *o = append(*o, member[V]{name, value}) }

// get gives the member's value, or the zero value where there is none.
func (o object[V]) get(name string) V {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	var none V
	return none
}

// MarshalJSON writes the members in order.
func (o object[V]) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			text.WriteByte(',')
		}
		name, err := encode(m.name, "")
		if err != nil {
			return nil, err
		}
		value, err := encode(m.value, "")
		if err != nil {
			return nil, err
		}
		text.Write(name)
		text.WriteByte(':')
		text.Write(value)
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// encode is json.Marshal without the escapes for HTML, which would make `<key>` unreadable.
func encode(v any, indent string) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}
