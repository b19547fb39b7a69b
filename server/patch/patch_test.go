package patch_test

import (
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/patch"
)

type update = antonv1.UpdateBeneficiaryRequest

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func TestChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		req  *update
		want []string
	}{
		"nothing at all":               {&update{Id: "ben_1"}, nil},
		"an empty mask":                {&update{Id: "ben_1", UpdateMask: mask()}, nil},
		"without a mask what is set":   {&update{Id: "ben_1", LastName: "Lopez", Metadata: map[string]string{"a": "b"}}, []string{"last_name", "metadata"}},
		"what is set to nothing":       {&update{Email: new(""), Address: &antonv1.Address{}}, []string{"address", "email"}},
		"a mask alone clears":          {&update{UpdateMask: mask("email", "metadata")}, []string{"email", "metadata"}},
		"the mask goes before the set": {&update{LastName: "Lopez", Phone: new("+14155550123"), UpdateMask: mask("phone")}, []string{"phone"}},
		"a name twice":                 {&update{UpdateMask: mask("email", "email")}, []string{"email"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := patch.Of(c.req)
			if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), c.want) {
				t.Errorf("%v: %v, %v", c.req, got, err)
			}
		})
	}
}

func TestAMaskNamesFieldsThatCanChange(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"id", "update_mask", "type", "bank_account", "address.city", "*", "", "firstName"} {
		_, err := patch.Of(&update{UpdateMask: mask("email", path)})
		if e := apierr.From(err); e.Code != antonv1.ErrorCode_validation_error || e.Fields[0].Path != "update_mask" {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	left, set, cleared := "a", "a", "a"
	changes := patch.Changes{"set": true, "cleared": true}
	patch.Set(changes, "left", &left, "b")
	patch.Set(changes, "set", &set, "b")
	patch.Set(changes, "cleared", &cleared, "")
	if left != "a" || set != "b" || cleared != "" {
		t.Errorf("left %q, set %q, cleared %q", left, set, cleared)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("email")
	f.Add("address.city")
	f.Fuzz(func(t *testing.T, path string) {
		changes, err := patch.Of(&update{UpdateMask: mask(path)})
		if (err == nil) != changes[path] || changes["id"] || changes["update_mask"] {
			t.Errorf("%q: %v, %v", path, changes, err)
		}
	})
}
