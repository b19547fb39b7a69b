package risk

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A Model is the points and bands of one version, as data. A released one is never changed: verdicts name it, and must give the same
// score when they are computed again.
type Model struct {
	Version string `json:"version"`
	// Points are the most that each signal adds, by its code; negative ones take away. All signals are named, each once.
	Points map[string]int `json:"points"`
	// ReviewFrom is the score from which a person decides, by the merchant's tier.
	ReviewFrom map[Tier]int `json:"review_from"`
}

// A Tier is how far the operator trusts a merchant.
type Tier string

// The tiers, in the words of the database. A merchant begins as standard.
const (
	Low      Tier = "low"
	Standard Tier = "standard"
	Elevated Tier = "elevated"
	High     Tier = "high"
)

//go:embed models/*.json
var models embed.FS

// released are the models that came with this program, by version.
var released = func() map[string]*Model {
	all := map[string]*Model{}
	files, err := models.ReadDir("models")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		text, err := models.ReadFile("models/" + file.Name())
		if err != nil {
			panic(err)
		}
		m, err := ParseModel(text)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file.Name(), err))
		}
		all[m.Version] = m
	}
	return all
}()

// Versions are the models there are, the oldest first.
func Versions() []string { return slices.Sorted(maps.Keys(released)) }

// Find gives a released model.
func Find(version string) (*Model, error) {
	m := released[version]
	if m == nil {
		return nil, fmt.Errorf("there is no risk model %q; there are %s", version, strings.Join(Versions(), ", "))
	}
	return m, nil
}

// Latest is the model that new verdicts are made with where nothing else was chosen.
func Latest() *Model {
	versions := Versions()
	return released[versions[len(versions)-1]]
}

// ParseModel reads a model, such as a draft that is to be tried on past payouts.
func ParseModel(text []byte) (*Model, error) {
	m := &Model{}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return nil, fmt.Errorf("read the risk model: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the risk model: something follows it") // such as another draft, of which nothing would be used
	}
	return m, m.check()
}

func (m *Model) check() error {
	if m.Version == "" {
		return errors.New("the risk model has no version")
	}
	for _, s := range signals {
		points, named := m.Points[s.code]
		if !named || points < -1000 || points > 1000 {
			return fmt.Errorf("risk model %s: points of %s are missing or beyond 1000", m.Version, s.code)
		}
	}
	if len(m.Points) != len(signals) {
		return fmt.Errorf("risk model %s gives points to %d signals, there are %d", m.Version, len(m.Points), len(signals))
	}
	for _, tier := range []Tier{Low, Standard, Elevated, High} {
		if from, named := m.ReviewFrom[tier]; !named || from < 1 || from > 1000 {
			return fmt.Errorf("risk model %s: review_from of %s must be 1 to 1000", m.Version, tier)
		}
	}
	return nil
}
