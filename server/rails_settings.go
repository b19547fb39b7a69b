package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/antonpayments/anton/server/assembly"
)

// rails are the rails that --rails sets up; nil where it names no file. What is wrong with the file is said with its name.
func (s *settings) rails() (*assembly.RailSettings, error) {
	if s.Rails == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.Rails)
	if err != nil {
		return nil, fmt.Errorf("read the rails of --rails (ANTON_RAILS): %w", err)
	}
	rails, err := assembly.ReadRailSettings(text)
	if err != nil {
		return nil, fmt.Errorf("%s, of --rails (ANTON_RAILS): %w", s.Rails, err)
	}
	rails.Directory = s.RailFiles
	if rails.Directory == "" {
		rails.Directory = filepath.Join(s.Data, "rails")
	}
	return rails, nil
}
