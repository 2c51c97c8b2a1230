# Exchange Online for provisioner: one function for each cmdlet that it uses, and nothing else.
#
# Made by `provisioner exchange kit`; make it anew instead of changing it. Whoever may call these functions needs no
# rights of his own in Exchange Online: the host connects with its own certificate or managed identity, and only to the
# organisations that stand in its settings. Values come as typed parameters and are never taken for code.
#
# Within a JEA session some commands (Select-Object, Measure-Object and a few more) are replaced by narrower ones, so
# none of those is used here.

$script:SettingsFile = [System.IO.Path]::Combine($env:ProgramData, 'ProvisionerExchange', 'settings.psd1')
$script:ConnectedTo = $null

#<cmdlets>

function Find-Certificate {
    param([string] $Thumbprint)
    foreach ($place in 'LocalMachine', 'CurrentUser') {
        $store = [System.Security.Cryptography.X509Certificates.X509Store]::new('My', $place)
        $store.Open('ReadOnly')
        try {
            foreach ($certificate in $store.Certificates) {
                if ($certificate.Thumbprint -eq $Thumbprint -and $certificate.HasPrivateKey) { return $certificate }
            }
        }
        finally { $store.Close() }
    }
    throw ('This host has no certificate {0} with a private key that its account may read.' -f $Thumbprint)
}

function Connect-Organization {
    # Once in a runspace, and again when another organisation is asked for.
    param([string] $Organization)
    if ($script:ConnectedTo -eq $Organization) { return }
    $settings = Microsoft.PowerShell.Utility\Import-PowerShellDataFile -LiteralPath $script:SettingsFile
    $identity = $settings.Organizations[$Organization]
    if ($null -eq $identity) {
        throw ('This host has no settings for the organisation {0}. Its administrator adds them to {1}.' -f $Organization, $script:SettingsFile)
    }
    if ($null -ne $script:ConnectedTo) {
        $script:ConnectedTo = $null
        Disconnect-ExchangeOnline -Confirm:$false
    }
    $how = @{
        Organization          = $Organization
        CommandName           = $script:Cmdlets
        SkipLoadingFormatData = $true
        ShowBanner            = $false
        ErrorAction           = 'Stop'
    }
    if ($identity.Environment) { $how.ExchangeEnvironmentName = $identity.Environment }
    if ($identity.ManagedIdentity) {
        $how.ManagedIdentity = $true
        if ($identity.ManagedIdentityAccountId) { $how.ManagedIdentityAccountId = $identity.ManagedIdentityAccountId }
    }
    else {
        $how.AppId = $identity.AppId
        $how.Certificate = Find-Certificate $identity.CertificateThumbprint
    }
    $null = Connect-ExchangeOnline @how
    $script:ConnectedTo = $Organization
}

function ConvertTo-Small {
    # Only the properties that are read, each a text, a number, a switch or a list of texts.
    param($Object, [string[]] $Properties)
    $small = [ordered]@{}
    foreach ($name in $Properties) {
        $value = $Object.$name
        if ($null -eq $value -or $value -is [bool] -or $value -is [int]) { $small[$name] = $value }
        elseif ($value -is [System.Collections.IEnumerable] -and $value -isnot [string]) {
            $small[$name] = [string[]] @(foreach ($each in $value) { [string] $each })
        }
        else { $small[$name] = [string] $value }
    }
    [pscustomobject] $small
}

function Invoke-ForOrganization {
    # Errors and warnings of the cmdlet go to the caller as they are.
    param([string] $Cmdlet, [System.Collections.IDictionary] $Bound, [string[]] $Properties)
    $given = @{}
    foreach ($name in $Bound.Keys) {
        if ($name -ne 'Organization') { $given[$name] = $Bound[$name] }
    }
    Connect-Organization $Bound['Organization']
    foreach ($each in @(& $Cmdlet @given)) {
        if ($Properties.Count -gt 0) { ConvertTo-Small $each $Properties }
    }
}

#<functions>

#<export>
