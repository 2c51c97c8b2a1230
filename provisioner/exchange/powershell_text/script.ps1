#Requires -Version 5.1
#Requires -Modules @{ ModuleName = 'ExchangeOnlineManagement'; ModuleVersion = '3.2.0' }

<#
.SYNOPSIS
    The Exchange Online part of an onboarding, for an Exchange Administrator to review and run.

.DESCRIPTION
    Written by provisioner, because nobody of its own may run Exchange cmdlets in this tenant. What it is about and for
    which tenant stands in $About. What it changes stands in the numbered steps below: every step looks first, changes
    only what is not as wanted, and says what it did, so that this script can be run again at any time. Values are
    fixed texts; none is ever taken for code. It asks for no secret and holds none.

    How to run it, in a new window of PowerShell 7 or Windows PowerShell 5.1:

        Install-Module ExchangeOnlineManagement -Scope CurrentUser     # once
        .\SCRIPT.ps1 -WhatIf                                           # only look, and say what would be done
        .\SCRIPT.ps1

    Sign in as an Exchange Administrator of the tenant. The script goes no further when the sign-in led to another one.
    At its end it reads everything back, prints it as JSON and saves it beside itself (SCRIPT.result.json). Send that
    file back to whoever gave you the script: `provisioner apply ... --script-result FILE` takes it in. It holds
    settings and names, no secret.

.PARAMETER UserPrincipalName
    The account to sign in with; it saves a question.

.PARAMETER AsPartner
    Sign in with an account of your own tenant that may administer this one (GDAP).

.PARAMETER AppId
    Sign in as an application, together with CertificateThumbprint.

.PARAMETER CertificateThumbprint
    The application's certificate.

.PARAMETER AllowOrganisationWide
    Permit Enable-OrganizationCustomization where the organisation needs it. It is for the whole organisation and for
    good; without it, and where it is needed, the script stops and says so.

.PARAMETER ResultFile
    Where to save the JSON.
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [string] $UserPrincipalName,
    [switch] $AsPartner,
    [string] $AppId,
    [string] $CertificateThumbprint,
    [switch] $AllowOrganisationWide,
    [string] $ResultFile
)

$ErrorActionPreference = 'Stop'

#<about>

# The cmdlets that this script uses; no others are imported.
#<cmdlets>

# ---- tools ----------------------------------------------------------------------------------------------------------

$Run = $PSCmdlet
$Patience = 300
$Steps = New-Object System.Collections.ArrayList

function Enter-Step {
    param([int] $Number, [string] $Address, [string] $Title)
    Write-Host ''
    Write-Host ('{0}. {1}' -f $Number, $Title)
    $null = $Steps.Add([ordered]@{ number = $Number; address = $Address; title = $Title; state = 'open'; deeds = @() })
}

function Write-Outcome {
    # A step that changed anything stays "done", whatever else it finds as wanted.
    param([string] $State, [string] $Text)
    Write-Host ('   {0}: {1}' -f $State, $Text)
    $step = $Steps[$Steps.Count - 1]
    $step.deeds = @($step.deeds) + @('{0}: {1}' -f $State, $Text)
    if ($State -eq 'failed' -or $step.state -notin 'done', 'would be done') { $step.state = $State }
}

function Test-NotFound {
    param($Record)
    $said = '{0} {1}' -f $Record.FullyQualifiedErrorId, $Record.Exception.Message
    $said -match 'ManagementObjectNotFound|n.t be found|not be found|not found|n.t found|n.t present'
}

function Test-NotReady {
    # What Exchange was told moments ago is not known to every server of it at once.
    param($Record)
    $said = '{0} {1}' -f $Record.FullyQualifiedErrorId, $Record.Exception.Message
    (Test-NotFound $Record) -or $said -match 'already exist|DehydratedContext|Enable-OrganizationCustomization|delegating role assignment'
}

function Read-Exchange {
    # What a look finds; nothing where there is no such thing. Any other error ends the script.
    param([scriptblock] $Look)
    try { & $Look }
    catch { if (-not (Test-NotFound $_)) { throw } }
}

function Wait-Exchange {
    # What a look finds, as soon as every server has heard of it.
    param([scriptblock] $Look)
    $until = (Get-Date).AddSeconds($Patience)
    while ($true) {
        $visible = @(Read-Exchange $Look)
        if ($visible.Count -gt 0 -or $WhatIfPreference -or (Get-Date) -gt $until) { return $visible }
        Start-Sleep -Seconds 10
    }
}

function Invoke-Change {
    # One change, asked for with -WhatIf and -Confirm like any other, and tried again while Exchange is catching up.
    param([string] $What, [scriptblock] $Change)
    if (-not $Run.ShouldProcess($About.Organization, $What)) {
        Write-Outcome 'would be done' $What
        return
    }
    $until = (Get-Date).AddSeconds($Patience)
    while ($true) {
        try {
            $null = & $Change
            Write-Outcome 'done' $What
            return
        }
        catch {
            if ($What -like 'Remove-*' -and (Test-NotFound $_)) {
                Write-Outcome 'as wanted' 'it is gone'
                return
            }
            if (-not (Test-NotReady $_) -or (Get-Date) -gt $until) { throw }
            Write-Host ('   not yet: {0}' -f $_.Exception.Message)
            Start-Sleep -Seconds 15
        }
    }
}

function Get-Quoted {
    # For a filter, in which a text stands in single quotes.
    param([string] $Text)
    $Text.Replace([string] [char] 39, ([string] [char] 39) * 2)
}

function Test-Named {
    # Whether this is exactly what was asked for: some Get cmdlets answer an unknown name with everything they have.
    param($Object, [string] $Name)
    foreach ($property in 'Identity', 'Guid', 'Name', 'Alias', 'AppId', 'ObjectId', 'DistinguishedName', 'PrimarySmtpAddress', 'ExternalDirectoryObjectId') {
        if ([string] $Object.$property -eq $Name) { return $true }
    }
    return $false
}

function Test-Same {
    # Whether a property is as wanted, in whatever form Exchange shows it: in brackets, or as a path that ends in the name.
    param($Found, $Wanted)
    if ($null -eq $Wanted) { return [string] $Found -eq '' }
    if ($Wanted -is [array]) {
        $listed = @($Found | ForEach-Object { ([string] $_).Trim(' ', '{', '}') -split '\s*,\s*' })
        return @($Wanted | Where-Object { $listed -notcontains $_ }).Count -eq 0
    }
    $shown = ([string] $Found).Trim(' ', '{', '}')
    if ($shown -eq [string] $Wanted) { return $true }
    if ($shown.Trim('(', ')', ' ') -eq ([string] $Wanted).Trim('(', ')', ' ')) { return $true }
    return @($shown -split '[\\/]')[-1] -eq [string] $Wanted
}

function Get-HolderName {
    # Everything by which a mailbox may show a service principal to which it gave a right; never its display name.
    param([string] $User)
    $User
    Read-Exchange { Get-ServicePrincipal -Identity $User -ErrorAction Stop } | Where-Object { Test-Named $_ $User } |
        ForEach-Object { [string] $_.Identity; [string] $_.Guid; [string] $_.ObjectId; [string] $_.Sid } |
        Where-Object { $_ }
}

function ConvertTo-Plain {
    param($Object, [string[]] $Properties)
    $plain = [ordered]@{}
    foreach ($name in $Properties) {
        $value = $Object.$name
        if ($null -eq $value -or $value -is [bool] -or $value -is [int]) { $plain[$name] = $value }
        elseif ($value -is [System.Collections.IEnumerable] -and $value -isnot [string]) {
            $plain[$name] = @($value | ForEach-Object { [string] $_ })
        }
        else { $plain[$name] = [string] $value }
    }
    $plain
}

function Read-Back {
    # One read for the result. That it was refused is told as such: it never counts as "not there".
    param([string] $Cmdlet, [hashtable] $Parameters, [string[]] $Properties)
    $read = [ordered]@{ cmdlet = $Cmdlet; parameters = $Parameters; absent = $false; refused = $null; output = @() }
    try {
        $found = @(& $Cmdlet @Parameters -ErrorAction Stop)
        if ($Cmdlet -in 'Get-ServicePrincipal', 'Get-ManagementRoleAssignment') {
            $found = @($found | Where-Object { Test-Named $_ $Parameters.Identity })
        }
        $read.output = @($found | ForEach-Object { ConvertTo-Plain $_ $Properties })
    }
    catch {
        if (Test-NotFound $_) { $read.absent = $true } else { $read.refused = [string] $_.Exception.Message }
    }
    $read
}

# ---- the tenant -----------------------------------------------------------------------------------------------------

$connections = @(Get-ConnectionInformation)
if ($connections.Count -gt 1) {
    throw 'This window has several connections to Exchange Online. Run the script in a new one.'
}
if ($connections.Count -eq 0) {
    $how = @{ CommandName = $Cmdlets; ShowBanner = $false; ErrorAction = 'Stop' }
    if ($About.Environment) { $how.ExchangeEnvironmentName = $About.Environment }
    if ($UserPrincipalName) { $how.UserPrincipalName = $UserPrincipalName }
    if ($AsPartner) { $how.DelegatedOrganization = $About.Organization }
    if ($AppId) {
        $how.AppId = $AppId
        $how.CertificateThumbprint = $CertificateThumbprint
        $how.Organization = $About.Organization
    }
    & { $WhatIfPreference = $false; Connect-ExchangeOnline @how }
}
if (@(Get-AcceptedDomain -ErrorAction Stop | ForEach-Object { [string] $_.DomainName }) -notcontains $About.Organization) {
    throw 'You are signed in to another tenant than the one in $About. Nothing was done. Run: Disconnect-ExchangeOnline'
}
$who = @(Get-ConnectionInformation)[0]

Write-Host ''
Write-Host ('{0} for {1} ({2})' -f $About.Product, $About.Tenant, $About.Organization)

# ---- the steps ------------------------------------------------------------------------------------------------------

$failure = $null
try {
#<steps>
}
catch {
    $failure = $_
    if ($Steps.Count -gt 0) { Write-Outcome 'failed' ([string] $_.Exception.Message) }
}

# ---- the result -----------------------------------------------------------------------------------------------------

Write-Host ''
Write-Host 'Reading everything back'
#<reads>

$result = [ordered]@{
    schemaVersion = 1
    kind          = 'provisioner-script-result'
    sandbox       = $About.Sandbox
    tenantId      = $About.TenantId
    scope         = $About.Scope
    script        = $About.Digest
    finished      = (Get-Date).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', [System.Globalization.CultureInfo]::InvariantCulture)
    who           = [string] @($who.UserPrincipalName, $who.AppId, 'unknown' | Where-Object { $_ })[0]
    whatIf        = [bool] $WhatIfPreference
    failure       = $(if ($failure) { [string] $failure.Exception.Message } else { $null })
    steps         = @($Steps)
    reads         = $reads
}
$json = $result | ConvertTo-Json -Depth 8
$json
if (-not $WhatIfPreference) {
    if (-not $ResultFile) { $ResultFile = [System.IO.Path]::ChangeExtension($PSCommandPath, '.result.json') }
    $place = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($ResultFile)
    [System.IO.File]::WriteAllText($place, $json, (New-Object System.Text.UTF8Encoding $false))
    Write-Host ('Saved: {0}' -f $place)
}
if ($failure) {
    Write-Warning ([string] $failure.Exception.Message)
    Write-Warning 'The step above failed. What was done before it stays. Run the script again when the cause is gone.'
    exit 1
}
