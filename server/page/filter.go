package page

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Text is a filter on a text column: null, which filters nothing, when the request has none.
func Text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Time is a filter on a time: null, which filters nothing, when the request has none.
func Time(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	at := t.AsTime()
	return &at
}

// A word is one of the contract's enums.
type word interface {
	~int32
	String() string
}

// Word is a filter on an enum column: null, which filters nothing, when the request has none.
func Word[E word](e E) *string {
	if e == 0 {
		return nil
	}
	s := e.String()
	return &s
}
