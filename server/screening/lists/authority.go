package lists

import (
	"fmt"
	"slices"
	"strings"
)

// Authorities are those whose lists a live server needs unless its operator says otherwise.
var Authorities = []Authority{OFAC, OFACNonSDN, EU, UK, UN}

// ParseAuthority reads the word for an authority.
func ParseAuthority(word string) (Authority, error) {
	a := Authority(strings.ToLower(strings.TrimSpace(word)))
	if a != Sandbox && !slices.Contains(Authorities, a) {
		return "", fmt.Errorf("%.40q is no authority: ofac, ofac-nonsdn, eu, uk or un", word)
	}
	return a, nil
}

// ParseAuthorities reads words with commas between, each authority once.
func ParseAuthorities(words string) ([]Authority, error) {
	var all []Authority
	for word := range strings.SplitSeq(words, ",") {
		if strings.TrimSpace(word) == "" {
			continue
		}
		a, err := ParseAuthority(word)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all, nil
}

// Sources are where the authorities publish, and the page that says so (August to October 2026). OFAC's lists are taken as XML: one file
// instead of four that could be of different days, with the day of publication and the quality of each alias in it.
//
// The European Commission's address needs a token that it gives to anyone who asks; it is public and has been the same for years.
var Sources = map[Authority]struct{ URL, Page string }{
	OFAC: {
		"https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/SDN.XML",
		"https://ofac.treasury.gov/sanctions-list-service",
	},
	OFACNonSDN: {
		"https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/CONSOLIDATED.XML",
		"https://ofac.treasury.gov/sanctions-list-service",
	},
	EU: {
		"https://webgate.ec.europa.eu/fsd/fsf/public/files/xmlFullSanctionsList_1_1/content?token=dG9rZW4tMjAxNw",
		"https://data.europa.eu/data/datasets/consolidated-list-of-persons-groups-and-entities-subject-to-eu-financial-sanctions",
	},
	UK: {
		"https://sanctionslist.fcdo.gov.uk/docs/UK-Sanctions-List.csv",
		"https://www.gov.uk/government/publications/the-uk-sanctions-list",
	},
	UN: {
		"https://scsanctions.un.org/resources/xml/en/consolidated.xml",
		"https://main.un.org/securitycouncil/en/content/un-sc-consolidated-list",
	},
}
